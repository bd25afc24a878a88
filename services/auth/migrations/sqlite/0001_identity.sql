-- Times are Unix milliseconds, truth values 0 or 1, secrets SHA-256 in hex.
-- The same statements as for PostgreSQL, in STRICT tables.

CREATE TABLE users (
    id                TEXT   NOT NULL,
    email             TEXT   NOT NULL,
    display_name      TEXT   NOT NULL,
    password_hash     TEXT   NOT NULL,
    status            TEXT   NOT NULL,
    email_verified_at INTEGER,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    CONSTRAINT users_pk PRIMARY KEY (id),
    CONSTRAINT users_email_unique UNIQUE (email),
    CONSTRAINT users_status_known CHECK (status IN ('active', 'suspended'))
) STRICT;

CREATE TABLE user_roles (
    user_id    TEXT   NOT NULL,
    role       TEXT   NOT NULL,
    granted_by TEXT   NOT NULL,
    granted_at INTEGER NOT NULL,
    CONSTRAINT user_roles_pk PRIMARY KEY (user_id, role),
    CONSTRAINT user_roles_user_fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX user_roles_by_role ON user_roles (role);

-- Rows that stand for something to be changed by one transaction at a time;
-- writing one takes its lock on either engine.
CREATE TABLE guards (
    name       TEXT   NOT NULL,
    touched_at INTEGER NOT NULL,
    CONSTRAINT guards_pk PRIMARY KEY (name)
) STRICT;

CREATE TABLE email_verifications (
    token_hash TEXT   NOT NULL,
    user_id    TEXT   NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    CONSTRAINT email_verifications_pk PRIMARY KEY (token_hash),
    CONSTRAINT email_verifications_user_unique UNIQUE (user_id),
    CONSTRAINT email_verifications_user_fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX email_verifications_by_expiry ON email_verifications (expires_at);

CREATE TABLE sessions (
    id            TEXT   NOT NULL,
    user_id       TEXT   NOT NULL,
    user_agent    TEXT   NOT NULL,
    address       TEXT   NOT NULL,
    created_at    INTEGER NOT NULL,
    last_used_at  INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    revoked_at    INTEGER,
    revoke_reason TEXT,
    CONSTRAINT sessions_pk PRIMARY KEY (id),
    CONSTRAINT sessions_user_fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT sessions_reason_with_time CHECK ((revoked_at IS NULL) = (revoke_reason IS NULL))
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id, id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE refresh_tokens (
    token_hash   TEXT   NOT NULL,
    session_id   TEXT   NOT NULL,
    issued_at    INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    rotated_at   INTEGER,
    presented_at INTEGER,
    CONSTRAINT refresh_tokens_pk PRIMARY KEY (token_hash),
    CONSTRAINT refresh_tokens_session_fk FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);
-- A family has one live token at most, whatever the code does.
CREATE UNIQUE INDEX refresh_tokens_one_live ON refresh_tokens (session_id) WHERE rotated_at IS NULL;

CREATE TABLE service_accounts (
    id          TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    secret_hash TEXT   NOT NULL,
    roles       TEXT   NOT NULL,
    created_by  TEXT   NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    disabled_at INTEGER,
    CONSTRAINT service_accounts_pk PRIMARY KEY (id),
    CONSTRAINT service_accounts_name_unique UNIQUE (name)
) STRICT;

CREATE TABLE revoked_access_tokens (
    jti        TEXT   NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER NOT NULL,
    CONSTRAINT revoked_access_tokens_pk PRIMARY KEY (jti)
) STRICT;
CREATE INDEX revoked_access_tokens_by_expiry ON revoked_access_tokens (expires_at);

CREATE TABLE signing_keys (
    kid          TEXT   NOT NULL,
    state        TEXT   NOT NULL,
    sealed_seed  TEXT   NOT NULL,
    public_key   TEXT   NOT NULL,
    created_at   INTEGER NOT NULL,
    activated_at INTEGER,
    retired_at   INTEGER,
    CONSTRAINT signing_keys_pk PRIMARY KEY (kid),
    CONSTRAINT signing_keys_state_known CHECK (state IN ('next', 'active', 'retired')),
    CONSTRAINT signing_keys_times CHECK (
        (state = 'next' AND activated_at IS NULL AND retired_at IS NULL)
        OR (state = 'active' AND activated_at IS NOT NULL AND retired_at IS NULL)
        OR (state = 'retired' AND retired_at IS NOT NULL)
    )
) STRICT;
CREATE UNIQUE INDEX signing_keys_one_active_one_next ON signing_keys (state) WHERE state <> 'retired';

CREATE TABLE throttles (
    subject      TEXT   NOT NULL,
    failures     INTEGER NOT NULL,
    locked_until INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    forget_at    INTEGER NOT NULL,
    CONSTRAINT throttles_pk PRIMARY KEY (subject),
    CONSTRAINT throttles_failures_non_negative CHECK (failures >= 0)
) STRICT;
CREATE INDEX throttles_by_forget ON throttles (forget_at);
