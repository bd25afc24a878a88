//! Proving that an e-mail address is reached.

use shoal_context::Context;
use shoal_error::{Error, Result};
use shoal_store::Tx;
use shoal_task::{Receiver, Scope, Sender, channel};
use tracing::Instrument as _;

use super::throttle::Subject;
use super::{App, Client};
use crate::codes::AuthCode;
use crate::config::ms;
use crate::domain::email::Email;
use crate::domain::opaque::{Kind, Secret, SecretHash};
use crate::domain::user::User;
use crate::events::{self, Verification};
use crate::store::{users, verifications};

/// Requests for another mail that may wait.
const QUEUE: usize = 256;

/// Where requests for another mail go in.
pub(crate) type ResendQueue = Sender<Request>;

/// A request for another mail, with the context that it came in.
#[derive(Debug)]
pub(crate) struct Request {
    email: Email,
    context: Context,
    span: tracing::Span,
}

/// Works off the requests.
pub(crate) struct Worker(Receiver<Request>);

/// A bounded queue and its worker.
pub(crate) fn queue() -> (ResendQueue, Worker) {
    let (sender, receiver) = channel("verification mails", QUEUE);
    (sender, Worker(receiver))
}

impl App {
    /// Makes the user's verification token; earlier ones work no more.
    pub(crate) async fn new_verification(
        &self,
        tx: &mut Tx,
        user_id: &str,
    ) -> Result<Verification> {
        let now_ms = self.now_ms();
        let token = Secret::generate(Kind::EmailVerification);
        let expires_at_ms = now_ms.saturating_add(ms(self.config.tokens.verification_ttl_s));
        verifications::replace(tx, user_id, &token.hash(), now_ms, expires_at_ms).await?;
        Ok(Verification {
            token,
            expires_at_ms,
        })
    }

    /// Takes a token from the mail and notes the address as proved.
    ///
    /// # Errors
    /// `auth.verification_token_invalid`, `auth.verification_token_expired`.
    pub(crate) async fn verify_email(&self, token: &str) -> Result<User> {
        let invalid = || {
            Error::new(
                AuthCode::VerificationTokenInvalid,
                "This is not a valid token.",
            )
            .with_field("/token", "is unknown, used, or replaced by a newer one")
        };
        let hash = SecretHash::of_presented(Kind::EmailVerification, token).ok_or_else(invalid)?;
        let now_ms = self.now_ms();
        let mut tx = self.store.begin().await?;
        let taken = verifications::take(&mut tx, &hash)
            .await?
            .ok_or_else(invalid)?;
        if taken.expires_at <= now_ms {
            // Not committed: the token stays, so that it is still called expired.
            return Err(Error::new(
                AuthCode::VerificationTokenExpired,
                "The token has expired.",
            ));
        }
        let newly = users::mark_verified(&mut tx, &taken.user_id, now_ms).await?;
        let user = users::find(&mut tx, &taken.user_id)
            .await?
            .ok_or_else(invalid)?;
        if newly {
            events::user_verified(&mut tx, &user, now_ms).await?;
        }
        tx.commit().await?;
        Ok(user)
    }

    /// Asks for another mail. The work is done behind the answer, so that
    /// neither the answer nor its time tells whether there is such an account.
    ///
    /// # Errors
    /// `auth.too_many_attempts` for the address that asks, `Overloaded`.
    pub(crate) async fn request_verification(&self, email: Email, client: &Client) -> Result<()> {
        self.charge(&[Subject::address(client)]).await?;
        self.resends.try_send(Request {
            email,
            context: Context::current().detached(),
            span: tracing::Span::current(),
        })
    }

    async fn resend(&self, email: &Email) -> Result<()> {
        let now_ms = self.now_ms();
        let mut tx = self.store.begin().await?;
        let Some(found) = users::credentials_by_email(&mut tx, email).await? else {
            return Ok(());
        };
        let user = found.user;
        let last_ms = verifications::created_at_ms(&mut tx, &user.id).await?;
        let pause_ms = ms(self.config.tokens.verification_pause_s);
        let too_soon = last_ms.is_some_and(|at| now_ms.saturating_sub(at) < pause_ms);
        if user.email_verified_at_ms.is_some() || too_soon {
            return Ok(());
        }
        let verification = self.new_verification(&mut tx, &user.id).await?;
        events::verification_requested(&mut tx, &user, &verification).await?;
        tx.commit().await
    }
}

impl Worker {
    /// Works until the scope ends.
    pub(crate) async fn run(mut self, app: App, scope: Scope) {
        loop {
            let request = tokio::select! {
                () = scope.cancelled() => return,
                request = self.0.recv() => request,
            };
            let Some(Request {
                email,
                context,
                span,
            }) = request
            else {
                return;
            };
            let work = context.attach(app.resend(&email)).instrument(span);
            if let Err(error) = work.await {
                error.log();
                tracing::warn!(code = error.code(), "a verification mail was not requested");
            }
        }
    }
}
