//! What happens when a refresh token is presented: a pure decision.
//!
//! The tokens of one session form a family. Each is good once and replaced by the
//! next; a token that comes back after it was replaced has been copied, so the
//! whole session ends (RFC 9700, 4.14.2).

/// What is known of a presented refresh token, its session and its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented {
    /// When the token was replaced, Unix milliseconds.
    pub rotated_at_ms: Option<i64>,
    /// When the token ends unused, Unix milliseconds.
    pub token_expires_at_ms: i64,
    /// When the session ends however much it is used, Unix milliseconds.
    pub session_expires_at_ms: i64,
    /// Whether the session was ended before its time.
    pub session_revoked: bool,
    /// Whether the user may log in.
    pub user_active: bool,
}

/// What to do with a presented refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Replace it and answer with the next.
    Rotate,
    /// Refuse it: it ended by time.
    Expired,
    /// Refuse it: its session or user was ended.
    Revoked,
    /// Refuse it, and end the session: it was replaced before.
    Reused,
    /// Refuse it without ending the session: it was replaced a moment ago, by a
    /// client that sent it twice.
    JustRotated,
}

/// Decides. `grace_ms` is the time after a replacement in which a repetition is
/// taken for a client's haste; 0 takes every repetition for theft.
#[must_use]
pub fn judge(presented: &Presented, grace_ms: i64, now_ms: i64) -> Verdict {
    if presented.session_revoked || !presented.user_active {
        return Verdict::Revoked;
    }
    // Before the check of time: a replaced token that comes back late was copied
    // all the same, and its successors may be alive.
    if let Some(rotated_at_ms) = presented.rotated_at_ms {
        let in_grace = now_ms.saturating_sub(rotated_at_ms) < grace_ms;
        return if in_grace {
            Verdict::JustRotated
        } else {
            Verdict::Reused
        };
    }
    if now_ms
        >= presented
            .token_expires_at_ms
            .min(presented.session_expires_at_ms)
    {
        return Verdict::Expired;
    }
    Verdict::Rotate
}

/// When the next refresh token ends: after its own life time, never after the
/// session.
#[must_use]
pub fn next_expiry(now_ms: i64, refresh_ttl_ms: i64, session_expires_at_ms: i64) -> i64 {
    now_ms
        .saturating_add(refresh_ttl_ms)
        .min(session_expires_at_ms)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRESH: Presented = Presented {
        rotated_at_ms: None,
        token_expires_at_ms: 2_000,
        session_expires_at_ms: 9_000,
        session_revoked: false,
        user_active: true,
    };

    #[test]
    fn a_fresh_token_is_replaced_until_it_expires() {
        assert_eq!(judge(&FRESH, 0, 1_999), Verdict::Rotate);
        assert_eq!(judge(&FRESH, 0, 2_000), Verdict::Expired);
        let long = Presented {
            token_expires_at_ms: 99_000,
            ..FRESH
        };
        assert_eq!(judge(&long, 0, 9_000), Verdict::Expired);
    }

    #[test]
    fn a_replaced_token_is_reuse_even_after_its_expiry() {
        let replaced = Presented {
            rotated_at_ms: Some(1_000),
            ..FRESH
        };
        assert_eq!(judge(&replaced, 0, 1_000), Verdict::Reused);
        assert_eq!(judge(&replaced, 0, 5_000), Verdict::Reused);
    }

    #[test]
    fn haste_is_forgiven_only_within_the_grace() {
        let replaced = Presented {
            rotated_at_ms: Some(1_000),
            ..FRESH
        };
        assert_eq!(judge(&replaced, 500, 1_499), Verdict::JustRotated);
        assert_eq!(judge(&replaced, 500, 1_500), Verdict::Reused);
    }

    #[test]
    fn revoked_sessions_and_suspended_users_get_nothing() {
        assert_eq!(
            judge(
                &Presented {
                    session_revoked: true,
                    ..FRESH
                },
                0,
                1
            ),
            Verdict::Revoked
        );
        assert_eq!(
            judge(
                &Presented {
                    user_active: false,
                    ..FRESH
                },
                0,
                1
            ),
            Verdict::Revoked
        );
    }

    proptest! {
        #[test]
        fn only_live_unreplaced_tokens_rotate(
            rotated in prop::option::of(0_i64..100), token in 0_i64..100, session in 0_i64..100,
            revoked: bool, active: bool, grace in 0_i64..50, now in 0_i64..200,
        ) {
            let p = Presented {
                rotated_at_ms: rotated, token_expires_at_ms: token, session_expires_at_ms: session,
                session_revoked: revoked, user_active: active,
            };
            let may = rotated.is_none() && now < token && now < session && !revoked && active;
            prop_assert_eq!(judge(&p, grace, now) == Verdict::Rotate, may);
        }

        #[test]
        fn no_token_outlives_its_session(now in 0_i64..1_000, ttl in 0_i64..1_000, session in 0_i64..1_000) {
            prop_assert!(next_expiry(now, ttl, session) <= session);
        }
    }
}
