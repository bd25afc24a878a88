//! Users with their tokens.

use std::sync::{Mutex, PoisonError, RwLock};

use serde_json::{Value, json};
use shoal_error::{Error, Result};

use super::door::{Call, Door};
use crate::record::Ended;

/// Users of one run.
pub(crate) struct People(Vec<Person>);

/// One user.
pub(crate) struct Person {
    email: String,
    access: RwLock<String>,
    /// Taken out while it is used: it is good for one refresh only.
    refresh: Mutex<Option<String>>,
}

const PASSWORD: &str = "correct horse battery staple";

impl People {
    /// Registers so many users and logs them in.
    pub(crate) async fn register(door: &Door, count: usize) -> Result<Self> {
        let mut people = Vec::with_capacity(count);
        for number in 0..count {
            let email = format!("shopper-{number}@example.com");
            let body = json!({ "email": email, "password": PASSWORD });
            door.must(Call::post("/auth/v1/register", None, body))
                .await?;
            let person = Person {
                email,
                access: RwLock::default(),
                refresh: Mutex::default(),
            };
            match person.log_in(door).await {
                Ended::Good => people.push(person),
                other => return Err(Error::internal(format!("log-in: {other:?}"))),
            }
        }
        Ok(Self(people))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, at: usize) -> &Person {
        &self.0[at % self.0.len()]
    }
}

impl Person {
    /// The access token.
    pub(crate) fn token(&self) -> String {
        let token = self.access.read();
        token.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Logs in anew.
    pub(crate) async fn log_in(&self, door: &Door) -> Ended {
        let body = json!({ "email": self.email, "password": PASSWORD });
        let (ended, tokens) = door.send(Call::post("/auth/v1/login", None, body)).await;
        self.keep(&tokens);
        ended
    }

    /// Gets new tokens for the refresh token. Who has none, because the answer
    /// to the last refresh was lost, logs in.
    pub(crate) async fn refresh(&self, door: &Door) -> Ended {
        let token = self
            .refresh
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(token) = token else {
            return self.log_in(door).await;
        };
        let body = json!({ "refresh_token": token });
        let (ended, tokens) = door.send(Call::post("/auth/v1/refresh", None, body)).await;
        self.keep(&tokens);
        ended
    }

    fn keep(&self, tokens: &Value) {
        if let (Some(access), Some(refresh)) = (
            tokens["access_token"].as_str(),
            tokens["refresh_token"].as_str(),
        ) {
            *self.access.write().unwrap_or_else(PoisonError::into_inner) = access.to_owned();
            *self.refresh.lock().unwrap_or_else(PoisonError::into_inner) = Some(refresh.to_owned());
        }
    }
}

/// An access token for these credentials.
pub(crate) async fn log_in(door: &Door, email: &str, password: &str) -> Result<String> {
    let body = json!({ "email": email, "password": password });
    let tokens = door.must(Call::post("/auth/v1/login", None, body)).await?;
    let token = tokens["access_token"].as_str().map(str::to_owned);
    token.ok_or_else(|| Error::internal("a log-in without a token"))
}
