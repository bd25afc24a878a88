#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use shoal_money::Currency;

use super::*;

fn account() -> impl Strategy<Value = Account> {
    prop_oneof![
        "[a-c]".prop_map(Account::Customer),
        "[x-z]".prop_map(Account::Clearing),
        Just(Account::Sales),
        Just(Account::SalesReturns),
    ]
}

fn posting() -> impl Strategy<Value = Posting> {
    let currency = prop::sample::select(&[Currency::EUR, Currency::JPY, Currency::KWD][..]);
    (account(), currency, -3i64..=3).prop_map(|(account, currency, units)| Posting {
        account,
        amount: Money::new(currency, units),
    })
}

fn sum(postings: &[Posting], currency: Currency) -> i64 {
    let of_currency = |p: &&Posting| p.amount.currency() == currency;
    postings
        .iter()
        .filter(of_currency)
        .map(|p| p.amount.minor_units())
        .sum()
}

proptest! {
    #[test]
    fn postings_make_an_entry_exactly_when_they_sum_to_zero_per_currency(
        postings in prop::collection::vec(posting(), 0..7),
    ) {
        let balanced = [Currency::EUR, Currency::JPY, Currency::KWD]
            .iter()
            .all(|currency| sum(&postings, *currency) == 0);
        let moves = postings.len() >= 2 && postings.iter().all(|p| !p.amount.is_zero());
        prop_assert_eq!(Entry::new(EntryKind::Invoice, postings).is_ok(), balanced && moves);
    }

    #[test]
    fn every_operation_books_entries_that_sum_to_zero(
        kind in prop::sample::select(&OperationKind::ALL[..]),
        units in 1..=i64::MAX,
    ) {
        let amount = Money::new(Currency::EUR, units);
        for entry in entries(kind, "usr_a", "sandbox", amount).unwrap() {
            let total: i128 = entry.postings().iter().map(|p| i128::from(p.amount.minor_units())).sum();
            prop_assert_eq!(total, 0);
        }
    }

    #[test]
    fn a_capture_and_its_refund_leave_the_customer_owing_nothing(units in 1..=i64::MAX / 4) {
        let amount = Money::new(Currency::EUR, units);
        let customer = Account::Customer("usr_a".into());
        for kind in [OperationKind::Capture, OperationKind::Refund] {
            let owed: i64 = entries(kind, "usr_a", "sandbox", amount)
                .unwrap()
                .iter()
                .flat_map(Entry::postings)
                .filter(|posting| posting.account == customer)
                .map(|posting| posting.amount.minor_units())
                .sum();
            prop_assert_eq!(owed, 0);
        }
    }
}

#[test]
fn two_currencies_do_not_balance_each_other() {
    let postings = vec![
        Posting {
            account: Account::Sales,
            amount: Money::new(Currency::EUR, 5),
        },
        Posting {
            account: Account::SalesReturns,
            amount: Money::new(Currency::JPY, -5),
        },
    ];
    assert!(matches!(
        Entry::new(EntryKind::Payment, postings),
        Err(Unbalanced::Leaves(_))
    ));
}

#[test]
fn nothing_cannot_be_moved() {
    let nothing = Money::zero(Currency::EUR);
    let entry = Entry::transfer(
        EntryKind::Payment,
        Account::Sales,
        Account::SalesReturns,
        nothing,
    );
    assert_eq!(entry, Err(Unbalanced::Empty));
}

#[test]
fn a_sum_that_overflows_is_refused_and_not_wrapped() {
    let posting = |units| Posting {
        account: Account::Sales,
        amount: Money::new(Currency::EUR, units),
    };
    let postings = vec![posting(i64::MAX), posting(i64::MAX), posting(2)];
    assert_eq!(
        Entry::new(EntryKind::Payment, postings),
        Err(Unbalanced::Money(MoneyError::Overflow))
    );
}
