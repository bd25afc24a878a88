-- Sagas under way and ended, and what each of them did, step by step.
CREATE TABLE saga (
    id TEXT NOT NULL CONSTRAINT saga_pk PRIMARY KEY,
    name TEXT NOT NULL,
    subject TEXT NOT NULL,
    phase TEXT NOT NULL,
    direction TEXT NOT NULL,
    step TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    running BIGINT NOT NULL,
    dirty BIGINT NOT NULL,
    data TEXT NOT NULL,
    failure TEXT,
    context TEXT NOT NULL,
    -- Grows with every change: whoever writes with an old one has lost the saga.
    revision BIGINT NOT NULL,
    owner TEXT NOT NULL,
    lease_until BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT saga_phase_known CHECK (phase IN ('active', 'completed', 'undone', 'parked')),
    CONSTRAINT saga_direction_known CHECK (direction IN ('forward', 'backward'))
);
CREATE INDEX saga_claimable ON saga (lease_until) WHERE phase = 'active';
CREATE INDEX saga_parked ON saga (id) WHERE phase = 'parked';
CREATE INDEX saga_by_subject ON saga (subject);
CREATE INDEX saga_ended ON saga (updated_at) WHERE phase IN ('completed', 'undone');

CREATE TABLE saga_log (
    saga_id TEXT NOT NULL
        CONSTRAINT saga_log_of_saga REFERENCES saga (id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    entry TEXT NOT NULL,
    direction TEXT NOT NULL,
    step TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    -- Who carried it out, and why it failed.
    owner TEXT NOT NULL,
    detail TEXT NOT NULL,
    CONSTRAINT saga_log_pk PRIMARY KEY (saga_id, seq)
);
