//! Tokens whose signature was found good lately.
//!
//! A client sends the same token with every request for a quarter of an hour;
//! its signature costs some 50 µs to check, looking it up under 1 µs. Only the
//! signature is remembered: times, issuer and audience are checked each time,
//! and the key must still be the one that it was checked with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonwebtoken::DecodingKey;

use super::claims::Identity;

/// Tokens in one generation; two are kept. A token takes about 1 KiB.
const GENERATION: usize = 4_096;

/// Forgets in generations: what was not asked for while a whole one filled goes.
#[derive(Default)]
pub(super) struct Verified(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    young: HashMap<Box<str>, Entry>,
    old: HashMap<Box<str>, Entry>,
}

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) identity: Identity,
    pub(super) key_id: Arc<str>,
    /// What the signature was checked with.
    pub(super) key: Arc<DecodingKey>,
}

impl Verified {
    /// What the token said when it was verified.
    pub(super) fn find(&self, token: &str) -> Option<Entry> {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = generations.young.get(token) {
            return Some(entry.clone());
        }
        let (token, entry) = generations.old.remove_entry(token)?;
        generations.insert(token, entry.clone());
        Some(entry)
    }

    /// Remembers a token whose signature is good.
    pub(super) fn keep(&self, token: &str, entry: Entry) {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        generations.insert(token.into(), entry);
    }
}

impl Generations {
    fn insert(&mut self, token: Box<str>, entry: Entry) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(token, entry);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::identity::{Audience, Claims};

    fn entry() -> Entry {
        let claims = Claims {
            iss: "issuer".to_owned(),
            sub: "usr_1".to_owned(),
            aud: Audience::One("shoal".to_owned()),
            exp: 0,
            iat: 0,
            nbf: None,
            jti: "tok_1".to_owned(),
            roles: Vec::new(),
            sid: None,
        };
        Entry {
            identity: Identity::new(claims),
            key_id: "key".into(),
            key: Arc::new(DecodingKey::from_secret(&[])),
        }
    }

    #[test]
    fn however_many_tokens_come_the_room_is_bounded_and_the_asked_for_stay() {
        let verified = Verified::default();
        verified.keep("mine", entry());
        for number in 0..GENERATION * 5 {
            verified.keep(&format!("token-{number}"), entry());
            if number % 1_000 == 0 {
                assert!(verified.find("mine").is_some());
            }
        }
        assert!(verified.find("token-0").is_none());
        let generations = verified.0.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= 2 * GENERATION);
    }
}
