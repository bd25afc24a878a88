-- Times are unix milliseconds, JSON is TEXT, booleans are 0/1.

-- What is known of a user's address and language: from events, else from auth.
CREATE TABLE contacts (
    user_id      TEXT   NOT NULL,
    email        TEXT   NOT NULL,
    display_name TEXT   NOT NULL,
    as_of        BIGINT NOT NULL, -- when the source knew it; older news never wins
    CONSTRAINT contacts_pk PRIMARY KEY (user_id)
);

CREATE TABLE user_settings (
    user_id    TEXT   NOT NULL,
    locale     TEXT   NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT user_settings_pk PRIMARY KEY (user_id)
);

-- Only what differs from the default (on) or was said explicitly.
CREATE TABLE preferences (
    user_id    TEXT   NOT NULL,
    channel    TEXT   NOT NULL,
    category   TEXT   NOT NULL,
    enabled    BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT preferences_pk PRIMARY KEY (user_id, channel, category),
    CONSTRAINT preference_enabled_is_boolean CHECK (enabled IN (0, 1)),
    CONSTRAINT preference_channel_known CHECK (channel IN ('email', 'inbox', 'webhook'))
);

CREATE TABLE templates (
    name        TEXT   NOT NULL,
    category    TEXT   NOT NULL,
    description TEXT   NOT NULL,
    sample      TEXT   NOT NULL, -- JSON object with which versions are proved
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    CONSTRAINT templates_pk PRIMARY KEY (name),
    CONSTRAINT template_category_known
        CHECK (category IN ('security', 'account', 'order', 'billing', 'news'))
);

-- A version never changes; publishing points at one.
CREATE TABLE template_versions (
    template   TEXT   NOT NULL,
    channel    TEXT   NOT NULL,
    locale     TEXT   NOT NULL,
    version    BIGINT NOT NULL,
    subject    TEXT   NOT NULL,
    body_text  TEXT   NOT NULL,
    body_html  TEXT   NOT NULL, -- empty: none
    link       TEXT   NOT NULL, -- empty: none
    origin     TEXT   NOT NULL, -- `builtin`, or who wrote it
    created_at BIGINT NOT NULL,
    CONSTRAINT template_versions_pk PRIMARY KEY (template, channel, locale, version),
    CONSTRAINT template_version_template FOREIGN KEY (template) REFERENCES templates (name),
    CONSTRAINT template_version_channel_known CHECK (channel IN ('email', 'inbox')),
    CONSTRAINT template_version_positive CHECK (version > 0)
);

CREATE TABLE template_published (
    template     TEXT   NOT NULL,
    channel      TEXT   NOT NULL,
    locale       TEXT   NOT NULL,
    version      BIGINT NOT NULL,
    published_by TEXT   NOT NULL,
    published_at BIGINT NOT NULL,
    CONSTRAINT template_published_pk PRIMARY KEY (template, channel, locale),
    CONSTRAINT template_published_version FOREIGN KEY (template, channel, locale, version)
        REFERENCES template_versions (template, channel, locale, version)
);

-- One thing that one user is told, by one or more channels.
CREATE TABLE notifications (
    id          TEXT   NOT NULL,
    user_id     TEXT   NOT NULL,
    template    TEXT   NOT NULL,
    category    TEXT   NOT NULL,
    locale      TEXT   NOT NULL,
    data        TEXT,            -- JSON; erased once everything is delivered
    dedupe_key  TEXT   NOT NULL, -- the event or the caller's key
    fingerprint TEXT   NOT NULL, -- of the content, to tell a repeat from a misuse
    context     TEXT   NOT NULL, -- JSON map: trace and request id of the cause
    created_at  BIGINT NOT NULL,
    CONSTRAINT notifications_pk PRIMARY KEY (id),
    CONSTRAINT notification_once UNIQUE (dedupe_key)
);
CREATE INDEX notifications_by_user ON notifications (user_id, id);

CREATE TABLE deliveries (
    id               TEXT   NOT NULL,
    notification_id  TEXT   NOT NULL,
    user_id          TEXT   NOT NULL,
    template         TEXT   NOT NULL,
    channel          TEXT   NOT NULL,
    state            TEXT   NOT NULL,
    attempts         BIGINT NOT NULL, -- begun since queued or redriven
    attempts_total   BIGINT NOT NULL,
    next_attempt_at  BIGINT NOT NULL,
    lease_token      TEXT,
    lease_until      BIGINT,
    template_version BIGINT NOT NULL, -- rendered last; 0 before
    reason           TEXT   NOT NULL, -- stable word why it is dead; empty otherwise
    last_error       TEXT   NOT NULL, -- empty: none
    created_at       BIGINT NOT NULL,
    finished_at      BIGINT,
    CONSTRAINT deliveries_pk PRIMARY KEY (id),
    CONSTRAINT delivery_once UNIQUE (notification_id, channel),
    CONSTRAINT delivery_notification FOREIGN KEY (notification_id)
        REFERENCES notifications (id) ON DELETE CASCADE,
    CONSTRAINT delivery_channel_known CHECK (channel IN ('email', 'inbox')),
    CONSTRAINT delivery_state_known
        CHECK (state IN ('queued', 'sending', 'delivered', 'failed', 'dead')),
    CONSTRAINT delivery_lease_when_sending
        CHECK ((state = 'sending') = (lease_token IS NOT NULL)),
    CONSTRAINT delivery_finished_when_final
        CHECK ((state IN ('delivered', 'dead')) = (finished_at IS NOT NULL)),
    CONSTRAINT delivery_attempts_non_negative
        CHECK (attempts >= 0 AND attempts_total >= attempts)
);
CREATE INDEX deliveries_due ON deliveries (next_attempt_at) WHERE state IN ('queued', 'failed');
CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE state = 'sending';
CREATE INDEX deliveries_by_state ON deliveries (state, id);
CREATE INDEX deliveries_by_user ON deliveries (user_id, id);

CREATE TABLE delivery_attempts (
    delivery_id TEXT   NOT NULL,
    number      BIGINT NOT NULL, -- counted over redrives too
    started_at  BIGINT NOT NULL,
    latency_ms  BIGINT NOT NULL,
    outcome     TEXT   NOT NULL,
    error       TEXT   NOT NULL, -- empty on success
    CONSTRAINT delivery_attempts_pk PRIMARY KEY (delivery_id, number),
    CONSTRAINT delivery_attempt_delivery FOREIGN KEY (delivery_id)
        REFERENCES deliveries (id) ON DELETE CASCADE,
    CONSTRAINT delivery_attempt_outcome_known CHECK (outcome IN ('delivered', 'retry', 'dead'))
);

-- The row's lock puts a user's items in one order, that of their commits: who
-- has seen position n has seen everything before it.
CREATE TABLE inbox_positions (
    user_id TEXT   NOT NULL,
    last    BIGINT NOT NULL,
    CONSTRAINT inbox_positions_pk PRIMARY KEY (user_id)
);

CREATE TABLE inbox_items (
    id          TEXT   NOT NULL,
    user_id     TEXT   NOT NULL,
    position    BIGINT NOT NULL,
    delivery_id TEXT   NOT NULL,
    category    TEXT   NOT NULL,
    template    TEXT   NOT NULL,
    title       TEXT   NOT NULL,
    body        TEXT   NOT NULL,
    link        TEXT   NOT NULL, -- empty: none
    created_at  BIGINT NOT NULL,
    read_at     BIGINT,
    CONSTRAINT inbox_items_pk PRIMARY KEY (id),
    CONSTRAINT inbox_position_once UNIQUE (user_id, position),
    CONSTRAINT inbox_delivery_once UNIQUE (delivery_id)
);
CREATE INDEX inbox_items_unread ON inbox_items (user_id, position) WHERE read_at IS NULL;
