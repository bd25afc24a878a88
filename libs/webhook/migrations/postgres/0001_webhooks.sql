-- Endpoints that owners registered, the deliveries to them and each attempt.
-- Times are unix milliseconds. The secret has to be readable to sign with it;
-- who can read this table can forge calls, so it belongs to the service alone.
CREATE TABLE webhook_endpoints (
    id                 TEXT   NOT NULL,
    owner              TEXT   NOT NULL,
    url                TEXT   NOT NULL,
    description        TEXT   NOT NULL,
    event_types        TEXT   NOT NULL, -- JSON array of types, `*` for all
    state              TEXT   NOT NULL,
    secret             TEXT   NOT NULL,
    previous_secret    TEXT,
    previous_expires_at BIGINT,
    failing_since      BIGINT,
    last_success_at    BIGINT,
    created_at         BIGINT NOT NULL,
    updated_at         BIGINT NOT NULL,
    CONSTRAINT webhook_endpoints_pk PRIMARY KEY (id),
    CONSTRAINT webhook_endpoint_url_once UNIQUE (owner, url),
    CONSTRAINT webhook_endpoint_state_known
        CHECK (state IN ('active', 'disabled', 'auto_disabled')),
    CONSTRAINT webhook_previous_secret_has_an_end
        CHECK ((previous_secret IS NULL) = (previous_expires_at IS NULL))
);
CREATE INDEX webhook_endpoints_by_owner ON webhook_endpoints (owner, id);

CREATE TABLE webhook_deliveries (
    id              TEXT   NOT NULL,
    endpoint_id     TEXT   NOT NULL,
    event_id        TEXT   NOT NULL,
    event_type      TEXT   NOT NULL,
    payload         TEXT   NOT NULL, -- the exact bytes that are signed and sent
    context         TEXT   NOT NULL, -- JSON map: trace and request id of the cause
    state           TEXT   NOT NULL,
    attempts        BIGINT NOT NULL, -- begun since queued or redriven
    attempts_total  BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    lease_token     TEXT,
    lease_until     BIGINT,
    last_status     BIGINT,
    last_error      TEXT,
    created_at      BIGINT NOT NULL,
    finished_at     BIGINT,
    CONSTRAINT webhook_deliveries_pk PRIMARY KEY (id),
    CONSTRAINT webhook_delivery_once UNIQUE (endpoint_id, event_id),
    CONSTRAINT webhook_delivery_endpoint FOREIGN KEY (endpoint_id)
        REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    CONSTRAINT webhook_delivery_state_known
        CHECK (state IN ('queued', 'sending', 'delivered', 'failed', 'dead')),
    CONSTRAINT webhook_delivery_lease_when_sending
        CHECK ((state = 'sending') = (lease_token IS NOT NULL)),
    CONSTRAINT webhook_delivery_attempts_non_negative
        CHECK (attempts >= 0 AND attempts_total >= attempts)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_attempt_at)
    WHERE state IN ('queued', 'failed');
CREATE INDEX webhook_deliveries_leased ON webhook_deliveries (lease_until)
    WHERE state = 'sending';
CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint_id, id);
CREATE INDEX webhook_deliveries_by_state ON webhook_deliveries (state, id);
CREATE INDEX webhook_deliveries_done ON webhook_deliveries (finished_at)
    WHERE state = 'delivered';

CREATE TABLE webhook_attempts (
    delivery_id   TEXT   NOT NULL,
    number        BIGINT NOT NULL, -- counted over redrives too
    started_at    BIGINT NOT NULL,
    latency_ms    BIGINT NOT NULL,
    status        BIGINT,          -- HTTP status, if an answer came
    error         TEXT,
    response_body TEXT,            -- its beginning
    CONSTRAINT webhook_attempts_pk PRIMARY KEY (delivery_id, number),
    CONSTRAINT webhook_attempt_delivery FOREIGN KEY (delivery_id)
        REFERENCES webhook_deliveries (id) ON DELETE CASCADE
);
