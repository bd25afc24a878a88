//! Instances by colour.

use proptest::prelude::*;
use shoal_routing::{Lane, split};

/// An instance: its id, its colour, and whether it is awake.
type Known = (usize, Option<&'static str>, bool);

fn label(instance: &Known) -> Option<&str> {
    instance.1
}

fn any_list() -> impl Strategy<Value = Vec<Known>> {
    let one = (
        prop::sample::select(vec![None, Some("v2"), Some("v3")]),
        any::<bool>(),
    );
    prop::collection::vec(one, 0..8).prop_map(|list| {
        let numbered = list.into_iter().enumerate();
        numbered
            .map(|(id, (colour, awake))| (id, colour, awake))
            .collect()
    })
}

fn any_colour() -> impl Strategy<Value = Option<&'static str>> {
    prop::sample::select(vec![None, Some("v2"), Some("v3"), Some("v4")])
}

proptest! {
    #[test]
    fn no_request_is_served_by_a_wrong_colour(list in any_list(), colour in any_colour()) {
        let before = list.clone();
        let (chosen, lane) = split(&list, colour, label).best(|i| i.2);
        for instance in &chosen {
            match lane {
                Lane::Stable => prop_assert!(instance.1.is_none() && colour.is_none()),
                Lane::Coloured => prop_assert!(instance.1 == colour && colour.is_some()),
                Lane::Fallback => prop_assert!(instance.1.is_none() && colour.is_some()),
            }
        }
        let in_turn = split(&list, colour, label).in_turn(3);
        prop_assert!(in_turn.iter().all(|(i, _)| i.1.is_none() || i.1 == colour));
        prop_assert_eq!(list, before, "the known list is others' too");
    }

    #[test]
    fn whoever_may_serve_does_and_the_right_colour_first(list in any_list(), colour in any_colour()) {
        let (chosen, lane) = split(&list, colour, label).best(|i| i.2);
        let may = |i: &&Known| i.1.is_none() || i.1 == colour;
        prop_assert_eq!(chosen.is_empty(), !list.iter().any(|i| may(&i)));
        let awake_coloured = list.iter().any(|i| i.2 && colour.is_some() && i.1 == colour);
        prop_assert!(!awake_coloured || lane == Lane::Coloured);
        let some_awake = list.iter().any(|i| i.2 && may(&i));
        prop_assert!(!some_awake || chosen.iter().all(|i| i.2), "one that failed was chosen");
    }

    #[test]
    fn in_turn_tries_each_one_once_coloured_before_stable(
        list in any_list(), colour in any_colour(), turn in 0_usize..20,
    ) {
        let tried = split(&list, colour, label).in_turn(turn);
        let mut ids: Vec<_> = tried.iter().map(|(i, _)| i.0).collect();
        ids.sort_unstable();
        let expected: Vec<_> = list.iter().filter(|i| i.1.is_none() || i.1 == colour).map(|i| i.0).collect();
        prop_assert_eq!(ids, expected);
        let lanes: Vec<_> = tried.iter().map(|(_, lane)| *lane == Lane::Coloured).collect();
        prop_assert!(lanes.is_sorted_by_key(|coloured| !coloured));
    }
}

#[test]
fn a_stable_instance_that_is_awake_is_better_than_a_coloured_one_that_is_not() {
    let list = [(0, Some("v2"), false), (1, None, true)];
    let (chosen, lane) = split(&list, Some("v2"), label).best(|i| i.2);
    assert_eq!((chosen[0].0, lane), (1, Lane::Fallback));
    // And when nobody is awake, the right colour may be back.
    let list = [(0, Some("v2"), false), (1, None, false)];
    let (chosen, lane) = split(&list, Some("v2"), label).best(|i| i.2);
    assert_eq!((chosen[0].0, lane), (0, Lane::Coloured));
}
