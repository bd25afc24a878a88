//! What can go wrong in auth, as programs and people read it.

shoal_error::codes! {
    /// Codes of the auth module.
    pub enum AuthCode("auth") {
        /// Unknown user or wrong password: deliberately one code.
        InvalidCredentials: "auth.invalid_credentials", Unauthenticated, "Wrong e-mail address or password", "Check both and try again; register if you have no account.";
        /// Too many failed attempts for the account or from the address.
        TooManyAttempts: "auth.too_many_attempts", ResourceExhausted, "Too many attempts", "Wait as long as Retry-After says, then try again.";
        /// Right password, account suspended.
        AccountSuspended: "auth.account_suspended", PermissionDenied, "The account is suspended", "Ask an administrator.";
        /// Right password, address not proved, and the settings ask for that.
        EmailNotVerified: "auth.email_not_verified", PermissionDenied, "The e-mail address is not verified", "Follow the link in the mail, or ask for a new one at POST /auth/v1/verify-email/resend.";
        /// Registration with an address that has an account.
        EmailTaken: "auth.email_taken", Conflict, "The e-mail address is in use", "Log in, or register with another address.";
        /// Not a verification token, or used, or replaced by a newer one.
        VerificationTokenInvalid: "auth.verification_token_invalid", InvalidArgument, "The verification token is not valid", "Use the newest mail, or ask for another at POST /auth/v1/verify-email/resend.";
        /// A verification token after its time.
        VerificationTokenExpired: "auth.verification_token_expired", Gone, "The verification token has expired", "Ask for a new one at POST /auth/v1/verify-email/resend.";
        /// Not a refresh token, or its session is over.
        RefreshTokenInvalid: "auth.refresh_token_invalid", Unauthenticated, "The refresh token is not valid", "Log in again.";
        /// A refresh token after its time.
        RefreshTokenExpired: "auth.refresh_token_expired", Unauthenticated, "The refresh token has expired", "Log in again.";
        /// A refresh token that was replaced came back; the session is over.
        RefreshTokenReused: "auth.refresh_token_reused", Unauthenticated, "The refresh token was used before", "Somebody may have copied it, so the session was ended. Log in again.";
        /// A refresh token came twice within the grace.
        RefreshTokenJustUsed: "auth.refresh_token_just_used", Conflict, "The refresh token was used a moment ago", "Use the tokens that the other request got.";
        /// The current password was wrong in a change of password.
        WrongPassword: "auth.wrong_password", PermissionDenied, "The current password is wrong", "Check it and try again.";
        /// The new password equals the current one.
        PasswordUnchanged: "auth.password_unchanged", Unprocessable, "The new password is the current one", "Choose another.";
        /// A token that is good by itself, of a session or account that is over.
        SessionEnded: "auth.session_ended", Unauthenticated, "The session has ended", "Log in again.";
        /// The caller is a service account where only a person makes sense.
        UserOnly: "auth.user_only", PermissionDenied, "Only for users", "Use the token of a user who logged in.";
        /// No such user.
        UserNotFound: "auth.user_not_found", NotFound, "No such user", "Check the id.";
        /// No such session, or it ended.
        SessionNotFound: "auth.session_not_found", NotFound, "No such session", "List the live ones at GET /auth/v1/sessions.";
        /// The change would leave no administrator.
        LastAdmin: "auth.last_admin", Conflict, "This is the last administrator", "Make somebody else administrator first.";
        /// No such service account, or it is disabled.
        ServiceAccountNotFound: "auth.service_account_not_found", NotFound, "No such service account", "Check the id.";
        /// The name of a service account is in use.
        ServiceAccountExists: "auth.service_account_exists", Conflict, "The name is in use", "Choose another name.";
        /// The next signing key is published too short a time to sign.
        RotationTooEarly: "auth.rotation_too_early", Conflict, "The next key may not sign yet", "Wait as long as the message says, or use --force when the key leaked.";
        /// OAuth `invalid_request`.
        OauthInvalidRequest: "auth.oauth_invalid_request", InvalidArgument, "The request is not one of OAuth", "Send a form with the parameters of RFC 6749, each once.";
        /// OAuth `invalid_client`.
        OauthInvalidClient: "auth.oauth_invalid_client", Unauthenticated, "Unknown client or wrong secret", "Check client_id and client_secret.";
        /// OAuth `unsupported_grant_type`.
        OauthUnsupportedGrant: "auth.oauth_unsupported_grant_type", InvalidArgument, "The grant type is not offered", "Use grant_type=client_credentials.";
        /// OAuth `invalid_scope`.
        OauthInvalidScope: "auth.oauth_invalid_scope", InvalidArgument, "The scope is not granted", "Ask only for roles that the service account has.";
        /// OAuth `unsupported_token_type`.
        OauthUnsupportedTokenType: "auth.oauth_unsupported_token_type", InvalidArgument, "The token cannot be revoked here", "Revoke access and refresh tokens that this issuer gave out.";
    }
}
