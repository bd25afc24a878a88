-- Events recorded in the transaction that they tell of; the relay hands them to the bus.
CREATE TABLE outbox (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL,
    kind          TEXT NOT NULL,
    subject       TEXT NOT NULL,
    occurred_at   BIGINT NOT NULL,
    context       TEXT NOT NULL,
    data          TEXT NOT NULL,
    claimed_by    TEXT,
    claimed_until BIGINT NOT NULL DEFAULT 0,
    sent_at       BIGINT,
    bus_ref       TEXT,
    CONSTRAINT outbox_id_unique UNIQUE (id)
);
CREATE INDEX outbox_unsent ON outbox (seq) WHERE sent_at IS NULL;
CREATE INDEX outbox_unsent_subject ON outbox (subject, seq) WHERE sent_at IS NULL;
CREATE INDEX outbox_sent ON outbox (sent_at) WHERE sent_at IS NOT NULL;

-- Events that a group has dealt with, so that a second delivery has no effect.
CREATE TABLE inbox (
    consumer    TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    CONSTRAINT inbox_once PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_received ON inbox (received_at);

-- Events that no attempt could deal with, kept for a person.
CREATE TABLE dead_letters (
    id         TEXT NOT NULL,
    consumer   TEXT NOT NULL,
    event_id   TEXT NOT NULL,
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    envelope   TEXT NOT NULL,
    reason     TEXT NOT NULL,
    attempts   BIGINT NOT NULL,
    state      TEXT NOT NULL,
    parked_at  BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT dead_letters_pkey PRIMARY KEY (id),
    CONSTRAINT dead_letters_once UNIQUE (consumer, event_id),
    CONSTRAINT dead_letters_state CHECK (state IN ('parked', 'queued', 'done'))
);
CREATE INDEX dead_letters_queued ON dead_letters (consumer, id) WHERE state = 'queued';

-- Requests with an Idempotency-Key and the answers they got.
CREATE TABLE idempotency_keys (
    scope       TEXT NOT NULL,
    idem_key    TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    claim       TEXT NOT NULL,
    lease_until BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    status      BIGINT,
    headers     TEXT,
    body        TEXT,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (scope, idem_key)
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);
