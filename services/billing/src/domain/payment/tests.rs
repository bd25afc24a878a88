#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

const AMOUNT: i64 = 100;

/// A payment of 100 in each status, as few moves as possible from the start.
fn in_status(status: Status) -> State {
    use OperationKind::{Authorize, Capture, Refund, Void};
    let authorized = [(Authorize, AMOUNT)];
    let moves: &[(OperationKind, i64)] = match status {
        Status::Authorizing | Status::Declined | Status::Failed => &[],
        Status::Authorized => &authorized,
        Status::PartiallyCaptured => &[(Authorize, AMOUNT), (Capture, 40)],
        Status::Captured => &[(Authorize, AMOUNT), (Capture, AMOUNT)],
        Status::PartiallyRefunded => &[(Authorize, AMOUNT), (Capture, AMOUNT), (Refund, 30)],
        Status::Refunded => &[(Authorize, AMOUNT), (Capture, AMOUNT), (Refund, AMOUNT)],
        Status::Voided => &[(Authorize, AMOUNT), (Void, AMOUNT)],
    };
    let start = State::new(Money::new(Currency::EUR, AMOUNT));
    let last = |state: State, event| step(&state, event).unwrap().0;
    match status {
        Status::Declined => last(start, Event::Refused(Authorize, AMOUNT, "no".into())),
        Status::Failed => last(
            start,
            Event::NeverHappened(Authorize, AMOUNT, "lost".into()),
        ),
        _ => moves.iter().fold(start, |state, (kind, amount)| {
            let asked = match kind {
                Authorize => state,
                kind => last(state, Event::Requested(*kind, Some(*amount))),
            };
            last(asked, Event::Succeeded(*kind, *amount))
        }),
    }
}

/// What a request of `amount` (all that is left when none) leads to when the
/// provider agrees: the new status, or the code of the refusal.
fn outcome(status: Status, kind: OperationKind, amount: Option<i64>) -> String {
    let state = in_status(status);
    match step(&state, Event::Requested(kind, amount)) {
        Err(refusal) => {
            let error = shoal_error::Error::from(refusal);
            format!("`{}`", error.code().trim_start_matches("billing."))
        }
        Ok((unchanged, effects)) if effects.is_empty() => unchanged.status().to_string(),
        Ok((asked, effects)) => {
            let Effect::Ask(kind, amount) = effects[0] else {
                panic!("{effects:?}")
            };
            step(&asked, Event::Succeeded(kind, amount))
                .unwrap()
                .0
                .status()
                .to_string()
        }
    }
}

fn cancelled(status: Status) -> String {
    let (mut state, mut effects) = step(&in_status(status), Event::CancelRequested).unwrap();
    if state.phase == Phase::Authorizing {
        (state, effects) =
            step(&state, Event::Succeeded(OperationKind::Authorize, AMOUNT)).unwrap();
    }
    while let Some(Effect::Ask(kind, amount)) = effects
        .iter()
        .find(|effect| matches!(effect, Effect::Ask(..)))
        .cloned()
    {
        (state, effects) = step(&state, Event::Succeeded(kind, amount)).unwrap();
    }
    state.status().to_string()
}

fn table() -> String {
    let mut text = String::from(
        "| status | capture a part | capture all | void | refund a part | refund all | cancel the reference |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for status in Status::ALL {
        let cells = [
            outcome(status, OperationKind::Capture, Some(10)),
            outcome(status, OperationKind::Capture, None),
            outcome(status, OperationKind::Void, None),
            outcome(status, OperationKind::Refund, Some(10)),
            outcome(status, OperationKind::Refund, None),
            cancelled(status),
        ];
        text.push_str(&format!("| {status} | {} |\n", cells.join(" | ")));
    }
    text
}

#[test]
fn the_table_in_the_readme_is_what_the_machine_does() {
    let readme = include_str!("../../../README.md");
    let table = table();
    assert!(
        readme.contains(&table),
        "put this into services/billing/README.md:\n\n{table}"
    );
}

#[test]
fn every_status_is_reached_and_is_called_what_it_is() {
    for status in Status::ALL {
        assert_eq!(in_status(status).status(), status);
        assert_eq!(Status::from_name(status.as_str()), Some(status));
        assert_eq!(in_status(status).phase, status.phase());
    }
}

#[test]
fn several_captures_may_be_under_way_until_the_authorization_is_used_up() {
    let mut state = in_status(Status::Authorized);
    for _ in 0..4 {
        state = step(&state, Event::Requested(OperationKind::Capture, Some(25)))
            .unwrap()
            .0;
    }
    let refusal = step(&state, Event::Requested(OperationKind::Capture, Some(1))).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::Pending {
            pending: OperationKind::Capture
        }
    );
    assert_eq!(
        state.status(),
        Status::Authorized,
        "nothing has happened yet"
    );
}

#[test]
fn more_than_is_left_is_refused_with_what_is_left() {
    let state = in_status(Status::PartiallyRefunded);
    let refusal = step(&state, Event::Requested(OperationKind::Refund, Some(71))).unwrap_err();
    let error = shoal_error::Error::from(refusal);
    assert_eq!(error.code(), "billing.exceeds_refundable");
    assert_eq!(error.meta()["left_minor_units"], "70");
}

#[test]
fn a_void_waits_for_captures_under_way() {
    let state = in_status(Status::PartiallyCaptured);
    let asked = step(&state, Event::Requested(OperationKind::Capture, Some(10)))
        .unwrap()
        .0;
    let refusal = step(&asked, Event::Requested(OperationKind::Void, None)).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::Pending {
            pending: OperationKind::Capture
        }
    );
}

#[test]
fn a_refused_capture_gives_its_amount_free_again() {
    let state = in_status(Status::Authorized);
    let asked = step(&state, Event::Requested(OperationKind::Capture, None))
        .unwrap()
        .0;
    assert_eq!(asked.capturable(), 0);
    let refused = Event::Refused(OperationKind::Capture, AMOUNT, "no".into());
    assert_eq!(step(&asked, refused).unwrap().0, state);
}

#[test]
fn a_cancellation_waits_for_the_answer_and_then_undoes_it() {
    let state = in_status(Status::Authorized);
    let asked = step(&state, Event::Requested(OperationKind::Capture, Some(60)))
        .unwrap()
        .0;
    let (cancelling, effects) = step(&asked, Event::CancelRequested).unwrap();
    assert_eq!(effects, [], "the capture's answer comes first");
    let (state, effects) = step(&cancelling, Event::Succeeded(OperationKind::Capture, 60)).unwrap();
    assert_eq!(effects.last(), Some(&Effect::Ask(OperationKind::Void, 40)));
    let (state, effects) = step(&state, Event::Succeeded(OperationKind::Void, 40)).unwrap();
    assert_eq!(
        effects.last(),
        Some(&Effect::Ask(OperationKind::Refund, 60))
    );
    let (state, _) = step(&state, Event::Succeeded(OperationKind::Refund, 60)).unwrap();
    assert_eq!(state.status(), Status::Refunded);
    assert!(state.is_undone());
}

#[test]
fn nothing_new_is_captured_from_a_payment_that_is_being_undone() {
    let state = in_status(Status::Authorizing);
    let state = step(&state, Event::CancelRequested).unwrap().0;
    let (state, _) = step(&state, Event::Succeeded(OperationKind::Authorize, AMOUNT)).unwrap();
    let refusal = step(&state, Event::Requested(OperationKind::Capture, None)).unwrap_err();
    assert_eq!(refusal, Refusal::Cancelling);
}
