-- One row per reference that was ever paid for or cancelled. Authorize and
-- CancelByReference both write it first, so that one waits for the other and a
-- late authorization cannot slip past a cancellation.
CREATE TABLE payment_references (
    reference      TEXT   NOT NULL,
    cancelled      BIGINT NOT NULL DEFAULT 0,
    cancel_reason  TEXT   NOT NULL DEFAULT '',
    payments       BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT payment_references_pk PRIMARY KEY (reference),
    CONSTRAINT payment_references_cancelled_flag CHECK (cancelled IN (0, 1))
);

CREATE TABLE payments (
    id                TEXT   NOT NULL,
    user_id           TEXT   NOT NULL,
    reference         TEXT   NOT NULL,
    description       TEXT   NOT NULL,
    payment_method    TEXT   NOT NULL,
    provider          TEXT   NOT NULL,
    lines             TEXT   NOT NULL,
    currency          TEXT   NOT NULL,
    status            TEXT   NOT NULL,
    amount_minor      BIGINT NOT NULL,
    captured_minor    BIGINT NOT NULL DEFAULT 0,
    refunded_minor    BIGINT NOT NULL DEFAULT 0,
    released_minor    BIGINT NOT NULL DEFAULT 0,
    capturing_minor   BIGINT NOT NULL DEFAULT 0,
    releasing_minor   BIGINT NOT NULL DEFAULT 0,
    refunding_minor   BIGINT NOT NULL DEFAULT 0,
    cancel_requested  BIGINT NOT NULL DEFAULT 0,
    undo_refusals     BIGINT NOT NULL DEFAULT 0,
    reason            TEXT,
    version           BIGINT NOT NULL DEFAULT 1,
    created_at_ms     BIGINT NOT NULL,
    updated_at_ms     BIGINT NOT NULL,
    CONSTRAINT payments_pk PRIMARY KEY (id),
    CONSTRAINT payments_reference_fk FOREIGN KEY (reference) REFERENCES payment_references (reference),
    CONSTRAINT payments_amount_positive CHECK (amount_minor > 0),
    CONSTRAINT payments_amounts_non_negative CHECK (
        captured_minor >= 0 AND refunded_minor >= 0 AND released_minor >= 0
        AND capturing_minor >= 0 AND releasing_minor >= 0 AND refunding_minor >= 0),
    CONSTRAINT payments_within_authorization CHECK (
        captured_minor + released_minor + capturing_minor + releasing_minor <= amount_minor),
    CONSTRAINT payments_within_captured CHECK (refunded_minor + refunding_minor <= captured_minor),
    CONSTRAINT payments_status_known CHECK (status IN (
        'authorizing', 'authorized', 'partially_captured', 'captured',
        'partially_refunded', 'refunded', 'voided', 'declined', 'failed')),
    CONSTRAINT payments_cancel_flag CHECK (cancel_requested IN (0, 1))
);
CREATE INDEX payments_by_user ON payments (user_id, id);
CREATE INDEX payments_by_reference ON payments (reference, id);

-- What the provider was asked. The id is the idempotency key towards it.
CREATE TABLE operations (
    id               TEXT   NOT NULL,
    payment_id       TEXT   NOT NULL,
    kind             TEXT   NOT NULL,
    amount_minor     BIGINT NOT NULL,
    status           TEXT   NOT NULL,
    note             TEXT   NOT NULL DEFAULT '',
    reason           TEXT,
    invoice_id       TEXT,
    idem_scope       TEXT,
    idem_key         TEXT,
    idem_fingerprint TEXT,
    -- The payment as it was when the operation was settled: what a repeat is answered.
    answer           TEXT,
    attempts         BIGINT NOT NULL DEFAULT 0,
    -- Whoever works on it is left alone until then.
    lease_until_ms   BIGINT NOT NULL DEFAULT 0,
    -- When the reconciler looks at it next.
    due_at_ms        BIGINT NOT NULL,
    -- When the provider was last asked to do it.
    asked_at_ms      BIGINT NOT NULL,
    created_at_ms    BIGINT NOT NULL,
    settled_at_ms    BIGINT,
    CONSTRAINT operations_pk PRIMARY KEY (id),
    CONSTRAINT operations_payment_fk FOREIGN KEY (payment_id) REFERENCES payments (id),
    CONSTRAINT operations_key_unique UNIQUE (idem_scope, idem_key),
    CONSTRAINT operations_amount_positive CHECK (amount_minor > 0),
    CONSTRAINT operations_kind_known CHECK (kind IN ('authorize', 'capture', 'void', 'refund')),
    CONSTRAINT operations_status_known CHECK (status IN ('pending', 'succeeded', 'failed')),
    CONSTRAINT operations_settled_once CHECK (
        (status = 'pending') = (settled_at_ms IS NULL) AND (status = 'pending') = (answer IS NULL))
);
CREATE INDEX operations_by_payment ON operations (payment_id, id);
CREATE INDEX operations_due ON operations (due_at_ms) WHERE status = 'pending';

-- Callbacks that were taken; a repeat finds its id here.
CREATE TABLE provider_callbacks (
    provider       TEXT   NOT NULL,
    id             TEXT   NOT NULL,
    operation_id   TEXT   NOT NULL,
    outcome        TEXT   NOT NULL,
    received_at_ms BIGINT NOT NULL,
    CONSTRAINT provider_callbacks_pk PRIMARY KEY (provider, id)
);

-- The sandbox provider's own memory, as if it were another company's database.
CREATE TABLE sandbox_operations (
    key           TEXT   NOT NULL,
    payment       TEXT   NOT NULL,
    kind          TEXT   NOT NULL,
    currency      TEXT   NOT NULL,
    amount_minor  BIGINT NOT NULL,
    outcome       TEXT   NOT NULL,
    reason        TEXT,
    attempts      BIGINT NOT NULL DEFAULT 1,
    CONSTRAINT sandbox_operations_pk PRIMARY KEY (key),
    CONSTRAINT sandbox_operations_outcome_known CHECK (outcome IN ('unseen', 'approved', 'declined'))
);
