//! Which keys exist, sign, and are published: the life of a signing key.
//!
//! `next` is published but doesn't sign yet, `active` signs, `retired` is
//! published until no token that it signed can be alive. So whoever cached the
//! key set knows a key before the first token that needs it.

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// Published, waits for its turn.
    Next,
    /// Signs.
    Active,
    /// Signs no more, still verifies.
    Retired,
}

impl KeyState {
    /// Name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Next, Self::Active, Self::Retired]
            .into_iter()
            .find(|s| s.as_str() == text)
    }
}

/// A key without its secret half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// Id in token headers.
    pub kid: String,
    /// Where it is in its life.
    pub state: KeyState,
    /// When it was made and published, Unix milliseconds.
    pub created_at_ms: i64,
    /// When it began to sign, Unix milliseconds.
    pub activated_at_ms: Option<i64>,
    /// When it stopped signing, Unix milliseconds.
    pub retired_at_ms: Option<i64>,
}

/// Times that decide about keys, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPolicy {
    /// Age of the active key (since it began to sign) at which it is replaced.
    pub rotate_after_ms: i64,
    /// How long a key is published before it may sign: what a cache of the key
    /// set lives at most.
    pub publish_before_use_ms: i64,
    /// How long a key is published after it stopped signing: the longest token,
    /// and what another instance may go on signing before it hears of it.
    pub publish_after_use_ms: i64,
}

/// What the key set needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAction {
    /// Make a key in this state.
    Create(KeyState),
    /// The active key stops signing.
    Retire(String),
    /// The next key begins to sign.
    Activate(String),
    /// The key can verify nothing that is alive.
    Delete(String),
}

/// What a rotation by command can run into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the next key is published too short a time; verifiers may not know it for another {} s",
    wait_ms.div_euclid(1000) + 1
)]
pub struct TooEarly {
    /// Milliseconds until it may sign.
    pub wait_ms: i64,
}

/// What must happen at `now_ms` so that two keys live and old ones go: creates
/// what is missing, replaces an active key that is too old, deletes dead ones.
#[must_use]
pub fn upkeep(keys: &[KeyInfo], policy: &KeyPolicy, now_ms: i64) -> Vec<KeyAction> {
    let mut actions = Vec::new();
    let active = in_state(keys, KeyState::Active);
    let next = in_state(keys, KeyState::Next);
    match (active, next) {
        (None, Some(next)) => {
            actions.push(KeyAction::Activate(next.kid.clone()));
            actions.push(KeyAction::Create(KeyState::Next));
        }
        (None, None) => {
            actions.push(KeyAction::Create(KeyState::Active));
            actions.push(KeyAction::Create(KeyState::Next));
        }
        (Some(_), None) => actions.push(KeyAction::Create(KeyState::Next)),
        (Some(active), Some(_)) => {
            let age_ms =
                now_ms.saturating_sub(active.activated_at_ms.unwrap_or(active.created_at_ms));
            if age_ms >= policy.rotate_after_ms
                && let Ok(rotation) = rotate(keys, policy, now_ms, false)
            {
                actions.extend(rotation);
            }
        }
    }
    actions.extend(dead(keys, policy, now_ms).map(|key| KeyAction::Delete(key.kid.clone())));
    actions
}

/// Replaces the active key by the next one now. `force` does so although
/// verifiers may not know the next key yet: for a key that leaked.
///
/// # Errors
/// [`TooEarly`] without `force`.
pub fn rotate(
    keys: &[KeyInfo],
    policy: &KeyPolicy,
    now_ms: i64,
    force: bool,
) -> Result<Vec<KeyAction>, TooEarly> {
    let (Some(active), Some(next)) = (
        in_state(keys, KeyState::Active),
        in_state(keys, KeyState::Next),
    ) else {
        // A set that is not whole is made whole first.
        return Ok(upkeep(keys, policy, now_ms));
    };
    let wait_ms = next
        .created_at_ms
        .saturating_add(policy.publish_before_use_ms)
        .saturating_sub(now_ms);
    if wait_ms > 0 && !force {
        return Err(TooEarly { wait_ms });
    }
    Ok(vec![
        KeyAction::Retire(active.kid.clone()),
        KeyAction::Activate(next.kid.clone()),
        KeyAction::Create(KeyState::Next),
    ])
}

fn in_state(keys: &[KeyInfo], state: KeyState) -> Option<&KeyInfo> {
    keys.iter().find(|key| key.state == state)
}

fn dead<'a>(
    keys: &'a [KeyInfo],
    policy: &'a KeyPolicy,
    now_ms: i64,
) -> impl Iterator<Item = &'a KeyInfo> {
    keys.iter().filter(move |key| {
        key.state == KeyState::Retired
            && key
                .retired_at_ms
                .is_some_and(|at| at.saturating_add(policy.publish_after_use_ms) <= now_ms)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const POLICY: KeyPolicy = KeyPolicy {
        rotate_after_ms: 1_000,
        publish_before_use_ms: 100,
        publish_after_use_ms: 50,
    };

    /// What the store does with actions, on a list.
    fn apply(keys: &mut Vec<KeyInfo>, actions: Vec<KeyAction>, now_ms: i64, serial: &mut u32) {
        for action in actions {
            match action {
                KeyAction::Create(state) => {
                    *serial += 1;
                    keys.push(KeyInfo {
                        kid: format!("key_{serial}"),
                        state,
                        created_at_ms: now_ms,
                        activated_at_ms: (state == KeyState::Active).then_some(now_ms),
                        retired_at_ms: None,
                    });
                }
                KeyAction::Retire(kid) => {
                    let key = keys.iter_mut().find(|k| k.kid == kid).unwrap();
                    (key.state, key.retired_at_ms) = (KeyState::Retired, Some(now_ms));
                }
                KeyAction::Activate(kid) => {
                    let key = keys.iter_mut().find(|k| k.kid == kid).unwrap();
                    (key.state, key.activated_at_ms) = (KeyState::Active, Some(now_ms));
                }
                KeyAction::Delete(kid) => keys.retain(|k| k.kid != kid),
            }
        }
    }

    fn fresh_set() -> (Vec<KeyInfo>, u32) {
        let (mut keys, mut serial) = (Vec::new(), 0);
        let actions = upkeep(&keys, &POLICY, 0);
        apply(&mut keys, actions, 0, &mut serial);
        (keys, serial)
    }

    #[test]
    fn an_empty_set_gets_an_active_and_a_next_key() {
        let (keys, _) = fresh_set();
        let states: Vec<_> = keys.iter().map(|k| k.state).collect();
        assert_eq!(states, [KeyState::Active, KeyState::Next]);
        assert!(upkeep(&keys, &POLICY, 1).is_empty());
    }

    #[test]
    fn a_command_waits_until_verifiers_know_the_next_key_unless_forced() {
        let (keys, _) = fresh_set();
        assert_eq!(
            rotate(&keys, &POLICY, 40, false),
            Err(TooEarly { wait_ms: 60 })
        );
        assert_eq!(rotate(&keys, &POLICY, 40, true).unwrap().len(), 3);
        assert_eq!(rotate(&keys, &POLICY, 100, false).unwrap().len(), 3);
    }

    #[test]
    fn age_rotates_and_the_old_key_stays_until_its_tokens_are_dead() {
        let (mut keys, mut serial) = fresh_set();
        let actions = upkeep(&keys, &POLICY, 1_000);
        apply(&mut keys, actions, 1_000, &mut serial);
        let state =
            |keys: &[KeyInfo], kid: &str| keys.iter().find(|k| k.kid == kid).map(|k| k.state);
        assert_eq!(state(&keys, "key_1"), Some(KeyState::Retired));
        assert_eq!(state(&keys, "key_2"), Some(KeyState::Active));
        assert_eq!(state(&keys, "key_3"), Some(KeyState::Next));
        assert!(upkeep(&keys, &POLICY, 1_049).is_empty());
        assert_eq!(
            upkeep(&keys, &POLICY, 1_050),
            [KeyAction::Delete("key_1".into())]
        );
    }

    proptest! {
        #[test]
        fn whatever_the_rhythm_one_key_signs_and_one_waits(gaps in prop::collection::vec((1_i64..700, any::<bool>()), 1..60)) {
            let (mut keys, mut serial) = fresh_set();
            let mut now = 0;
            for (gap, by_command) in gaps {
                now += gap;
                let actions = if by_command {
                    rotate(&keys, &POLICY, now, false).unwrap_or_default()
                } else {
                    upkeep(&keys, &POLICY, now)
                };
                apply(&mut keys, actions, now, &mut serial);
                let count = |state| keys.iter().filter(|k| k.state == state).count();
                prop_assert_eq!((count(KeyState::Active), count(KeyState::Next)), (1, 1));
                for key in &keys {
                    if let Some(activated) = key.activated_at_ms && key.kid != "key_1" {
                        prop_assert!(activated - key.created_at_ms >= POLICY.publish_before_use_ms);
                    }
                }
            }
        }
    }
}
