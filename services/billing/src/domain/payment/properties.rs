//! Invariants of the payment machine under any sequence of events.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

/// What may happen next: requests by anyone, answers to what is awaited (and
/// to what is not), a cancellation.
fn event() -> impl Strategy<Value = Event> {
    let kind = || prop::sample::select(&OperationKind::ALL[..]);
    let amount = || -2i64..120;
    prop_oneof![
        4 => (kind(), prop::option::of(amount())).prop_map(|(k, a)| Event::Requested(k, a)),
        5 => (kind(), amount()).prop_map(|(k, a)| Event::Succeeded(k, a)),
        1 => (kind(), amount()).prop_map(|(k, a)| Event::Refused(k, a, "no".into())),
        1 => (kind(), amount()).prop_map(|(k, a)| Event::NeverHappened(k, a, "lost".into())),
        1 => Just(Event::CancelRequested),
    ]
}

/// Answers every question that the machine asks, as an honest provider would.
#[derive(Default)]
struct Outstanding(Vec<(OperationKind, i64)>);

impl Outstanding {
    fn note(&mut self, effects: &[Effect]) {
        self.0
            .extend(effects.iter().filter_map(|effect| match effect {
                Effect::Ask(kind, amount) => Some((*kind, *amount)),
                _ => None,
            }));
    }
}

fn check(state: &State) {
    for amount in [
        state.captured,
        state.refunded,
        state.released,
        state.capturing,
        state.releasing,
        state.refunding,
        state.capturable(),
        state.refundable(),
    ] {
        assert!(amount >= 0, "negative amount in {state:?}");
    }
    assert!(
        state.captured + state.released + state.capturing + state.releasing <= state.amount,
        "more moved than authorized in {state:?}"
    );
    assert!(
        state.refunded + state.refunding <= state.captured,
        "more refunded than captured: {state:?}"
    );
    if state.phase != Phase::Open {
        assert_eq!(
            state.captured + state.released + state.capturing,
            0,
            "moved without authorization"
        );
    }
}

proptest! {
    #[test]
    fn no_sequence_of_events_moves_more_than_there_is(
        amount in 1i64..100,
        events in prop::collection::vec(event(), 0..60),
    ) {
        let mut state = State::new(Money::new(Currency::EUR, amount));
        for event in events {
            if let Ok((next, _)) = step(&state, event) {
                state = next;
                check(&state);
            }
        }
    }

    #[test]
    fn what_is_booked_is_what_was_captured_less_what_was_refunded(
        amount in 1i64..100,
        events in prop::collection::vec(event(), 0..60),
    ) {
        let mut state = State::new(Money::new(Currency::EUR, amount));
        let (mut captured, mut refunded) = (0, 0);
        for event in events {
            let Ok((next, effects)) = step(&state, event) else { continue };
            state = next;
            for effect in effects {
                match effect {
                    Effect::Book(OperationKind::Capture, amount) => captured += amount,
                    Effect::Book(OperationKind::Refund, amount) => refunded += amount,
                    Effect::Book(kind, _) => panic!("{kind} moves no money"),
                    _ => {}
                }
            }
        }
        prop_assert_eq!((captured, refunded), (state.captured, state.refunded));
    }

    #[test]
    fn a_cancelled_payment_is_undone_by_an_honest_provider(
        amount in 1i64..100,
        captures in prop::collection::vec(1i64..60, 0..4),
        refunds in prop::collection::vec(1i64..60, 0..4),
        cancel_at in 0usize..12,
    ) {
        let mut state = State::new(Money::new(Currency::EUR, amount));
        let mut open = Outstanding(vec![(OperationKind::Authorize, amount)]);
        let mut wishes: Vec<Event> = captures
            .into_iter()
            .map(|a| Event::Requested(OperationKind::Capture, Some(a)))
            .chain(refunds.into_iter().map(|a| Event::Requested(OperationKind::Refund, Some(a))))
            .collect();
        wishes.insert(cancel_at.min(wishes.len()), Event::CancelRequested);
        let mut wishes = wishes.into_iter();
        // Alternates wishes and answers until neither is left.
        loop {
            let wish = wishes.next();
            let answer = (!open.0.is_empty()).then(|| open.0.remove(0));
            if wish.is_none() && answer.is_none() {
                break;
            }
            let answer = answer.map(|(kind, amount)| Event::Succeeded(kind, amount));
            for event in [wish, answer].into_iter().flatten() {
                if let Ok((next, effects)) = step(&state, event) {
                    state = next;
                    open.note(&effects);
                    check(&state);
                }
            }
        }
        prop_assert!(state.is_undone(), "{:?}", state);
        prop_assert_eq!(state.captured, state.refunded);
    }

    #[test]
    fn a_provider_that_refuses_to_undo_is_not_asked_for_ever(amount in 1i64..100) {
        let mut state = State::new(Money::new(Currency::EUR, amount));
        state = step(&state, Event::CancelRequested).unwrap().0;
        let mut open = Outstanding::default();
        let (next, effects) = step(&state, Event::Succeeded(OperationKind::Authorize, amount)).unwrap();
        state = next;
        open.note(&effects);
        let mut asked = 0;
        while let Some((kind, amount)) = open.0.pop() {
            asked += 1;
            let (next, effects) = step(&state, Event::Refused(kind, amount, "no".into())).unwrap();
            state = next;
            open.note(&effects);
        }
        prop_assert_eq!(asked, UNDO_ATTEMPTS);
        prop_assert!(state.needs_attention());
    }

    #[test]
    fn an_answer_is_taken_once(amount in 1i64..100) {
        let state = State::new(Money::new(Currency::EUR, amount));
        let (open, _) = step(&state, Event::Succeeded(OperationKind::Authorize, amount)).unwrap();
        let (asked, _) = step(&open, Event::Requested(OperationKind::Capture, None)).unwrap();
        let answer = Event::Succeeded(OperationKind::Capture, amount);
        let (captured, _) = step(&asked, answer.clone()).unwrap();
        prop_assert_eq!(step(&captured, answer), Err(Refusal::NotAwaited(OperationKind::Capture)));
    }
}
