//! Percentages and A/B tables: stable, fair, and growing without exchanging
//! anybody.

use proptest::prelude::*;
use shoal_routing::{Rules, fraction};

use super::{Asked, rules};

const USERS: u32 = 100_000;

fn percent(percent: f64, salt: &str) -> Rules {
    rules(&format!(
        "[[rules]]\nname = \"share\"\nsalt = \"{salt}\"\ncolour = \"v2\"\nwhen.percent = {percent:?}\n"
    ))
}

fn chosen(rules: &Rules, user: u32) -> bool {
    Asked::by(&format!("usr_{user:026}"))
        .colour(rules)
        .is_some()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Of 100,000 users the count lies within five standard deviations of the
    /// binomial distribution, which one case in 1.7 million would not.
    #[test]
    fn a_percentage_is_its_part_of_the_users(share in 0.0..100.0_f64, salt in "[a-z]{1,12}") {
        let rules = percent(share, &salt);
        let count = (0..USERS).filter(|user| chosen(&rules, *user)).count() as f64;
        let (n, p) = (f64::from(USERS), share / 100.0);
        let bound = 5.0 * (n * p * (1.0 - p)).sqrt() + 1.0;
        prop_assert!((count - n * p).abs() <= bound, "{count} of {n} at {share} %");
    }
}

proptest! {
    #[test]
    fn a_user_stays_in_or_out_and_a_higher_percentage_only_adds(
        low in 0.0..100.0_f64, more in 0.0..100.0_f64, first in any::<u32>(),
    ) {
        let high = (low + more).min(100.0);
        let (low, high) = (percent(low, "salt"), percent(high, "salt"));
        for user in (0..300).map(|i| first.wrapping_add(i)) {
            prop_assert_eq!(chosen(&low, user), chosen(&low, user));
            prop_assert!(!chosen(&low, user) || chosen(&high, user), "{} left", user);
        }
    }

    #[test]
    fn a_row_of_a_table_keeps_its_users_when_the_last_row_grows(
        a in 0.0..40.0_f64, b in 0.0..30.0_f64, more in 0.0..30.0_f64, first in any::<u32>(),
    ) {
        let table = |last: f64| rules(&format!(
            "[[rules]]\nname = \"t\"\nshares = [{{colour = \"a\", percent = {a:?}}}, {{colour = \"b\", percent = {last:?}}}]\n"
        ));
        let (before, after) = (table(b), table(b + more));
        for user in (0..300).map(|i| first.wrapping_add(i)) {
            let asked = Asked::by(&user.to_string());
            let was = asked.colour(&before);
            prop_assert!(was.is_none() || was == asked.colour(&after));
        }
    }

    #[test]
    fn every_user_has_a_place_between_zero_and_one(salt in ".{0,20}", user in ".{0,40}") {
        prop_assert!((0.0..1.0).contains(&fraction(&salt, &user)));
    }
}

#[test]
fn none_is_none_all_is_all_and_without_a_user_nothing_is_chosen() {
    let (none, all) = (percent(0.0, "x"), percent(100.0, "x"));
    for user in 0..10_000 {
        assert!(!chosen(&none, user) && chosen(&all, user));
    }
    assert_eq!(Asked::by("").colour(&all), None);
}

#[test]
fn the_rows_of_a_table_get_their_shares_and_the_rest_stays_plain() {
    let rules = rules(
        r#"
        [[rules]]
        name = "ab"
        shares = [{ colour = "a", percent = 20 }, { colour = "b", percent = 30 }]
        "#,
    );
    let mut counts = [0_u32; 3];
    for user in 0..USERS {
        let colour = Asked::by(&format!("usr_{user}")).colour(&rules);
        counts[match colour.as_deref() {
            Some("a") => 0,
            Some("b") => 1,
            _ => 2,
        }] += 1;
    }
    for (count, expected) in counts.into_iter().zip([20_000, 30_000, 50_000_u32]) {
        assert!(count.abs_diff(expected) < 800, "{counts:?}");
    }
}

#[test]
fn two_rules_choose_independently_unless_they_share_a_salt() {
    let (one, other, same) = (percent(10.0, "a"), percent(10.0, "b"), percent(10.0, "a"));
    let both = |x: &Rules, y: &Rules| {
        (0..USERS)
            .filter(|user| chosen(x, *user) && chosen(y, *user))
            .count()
    };
    let (independent, shared) = (both(&one, &other), both(&one, &same));
    assert!((850..1_150).contains(&independent), "{independent}");
    assert!((9_500..10_500).contains(&shared), "{shared}");
}
