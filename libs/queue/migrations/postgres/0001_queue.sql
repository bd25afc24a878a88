-- What administrators did with dead letters.
CREATE TABLE dead_letter_actions (
    id         TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    by_user    TEXT   NOT NULL,
    action     TEXT   NOT NULL,
    reason     TEXT   NOT NULL, -- their words; empty for a redrive without any
    queue      TEXT   NOT NULL, -- empty: all queues
    selection  TEXT   NOT NULL, -- JSON: what was asked for
    letters    TEXT   NOT NULL, -- JSON array: ids that it came to
    request_id TEXT   NOT NULL,
    CONSTRAINT dead_letter_actions_pk PRIMARY KEY (id),
    CONSTRAINT dead_letter_action_known CHECK (action IN ('redrive', 'discard'))
);
