-- Double entry. A transaction is open while its postings are inserted, and
-- sealed by a row in ledger_seals; the seal is refused unless the postings sum
-- to zero in each currency, nothing can be posted after it, and no transaction
-- can be committed without it (the deferred foreign key). Rows never change.
CREATE TABLE ledger_accounts (
    id                TEXT   NOT NULL,
    code              TEXT   NOT NULL,
    class             TEXT   NOT NULL,
    currency          TEXT   NOT NULL,
    owner             TEXT,
    -- Kept for accounts with an owner only; see the domain's Account::owner.
    balance_minor     BIGINT NOT NULL DEFAULT 0,
    positions         BIGINT NOT NULL DEFAULT 0,
    last_booked_at_ms BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT ledger_accounts_pk PRIMARY KEY (id),
    CONSTRAINT ledger_accounts_code_unique UNIQUE (code, currency),
    CONSTRAINT ledger_accounts_currency_unique UNIQUE (id, currency),
    CONSTRAINT ledger_accounts_class_known CHECK (class IN ('asset', 'revenue'))
);
CREATE INDEX ledger_accounts_by_owner ON ledger_accounts (owner, currency) WHERE owner IS NOT NULL;

CREATE TABLE ledger_transactions (
    id           TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    payment_id   TEXT   NOT NULL,
    reference    TEXT   NOT NULL,
    operation_id TEXT   NOT NULL,
    invoice_id   TEXT   NOT NULL,
    booked_at_ms BIGINT NOT NULL,
    CONSTRAINT ledger_transactions_pk PRIMARY KEY (id),
    -- An operation is booked once, whatever calls or races.
    CONSTRAINT ledger_transactions_once UNIQUE (operation_id, kind),
    CONSTRAINT ledger_transactions_sealed FOREIGN KEY (id) REFERENCES ledger_seals (transaction_id)
        DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX ledger_transactions_by_payment ON ledger_transactions (payment_id, id);

CREATE TABLE ledger_postings (
    transaction_id TEXT   NOT NULL,
    line           BIGINT NOT NULL,
    account_id     TEXT   NOT NULL,
    currency       TEXT   NOT NULL,
    amount_minor   BIGINT NOT NULL,
    -- Place in the account and its balance after; only for accounts with an owner.
    position       BIGINT,
    balance_minor  BIGINT,
    booked_at_ms   BIGINT NOT NULL,
    CONSTRAINT ledger_postings_pk PRIMARY KEY (transaction_id, line),
    CONSTRAINT ledger_postings_transaction_fk FOREIGN KEY (transaction_id) REFERENCES ledger_transactions (id),
    CONSTRAINT ledger_postings_account_fk FOREIGN KEY (account_id, currency)
        REFERENCES ledger_accounts (id, currency),
    CONSTRAINT ledger_postings_position_unique UNIQUE (account_id, position),
    CONSTRAINT ledger_postings_moves_something CHECK (amount_minor <> 0)
);

CREATE TABLE ledger_seals (
    transaction_id TEXT NOT NULL,
    CONSTRAINT ledger_seals_pk PRIMARY KEY (transaction_id),
    CONSTRAINT ledger_seals_transaction_fk FOREIGN KEY (transaction_id) REFERENCES ledger_transactions (id)
);

-- INSERT OR REPLACE deletes without firing delete triggers, so a repeated id is
-- refused before the insert.
CREATE TRIGGER ledger_transactions_frozen_replace BEFORE INSERT ON ledger_transactions
WHEN EXISTS (
    SELECT 1 FROM ledger_transactions
    WHERE id = NEW.id OR (operation_id = NEW.operation_id AND kind = NEW.kind))
BEGIN
    SELECT RAISE(ABORT, 'ledger_transactions_frozen_replace: the ledger is append-only');
END;

CREATE TRIGGER ledger_postings_sealed BEFORE INSERT ON ledger_postings
WHEN EXISTS (SELECT 1 FROM ledger_seals WHERE transaction_id = NEW.transaction_id)
BEGIN
    SELECT RAISE(ABORT, 'ledger_postings_sealed: the transaction is sealed');
END;

CREATE TRIGGER ledger_postings_frozen_replace BEFORE INSERT ON ledger_postings
WHEN EXISTS (
    SELECT 1 FROM ledger_postings
    WHERE (transaction_id = NEW.transaction_id AND line = NEW.line)
       OR (account_id = NEW.account_id AND position = NEW.position))
BEGIN
    SELECT RAISE(ABORT, 'ledger_postings_frozen_replace: the ledger is append-only');
END;

CREATE TRIGGER ledger_transaction_balances BEFORE INSERT ON ledger_seals
WHEN (SELECT COUNT(*) FROM ledger_postings WHERE transaction_id = NEW.transaction_id) < 2
  OR EXISTS (
    SELECT 1 FROM ledger_postings WHERE transaction_id = NEW.transaction_id
    GROUP BY currency HAVING SUM(amount_minor) <> 0)
BEGIN
    SELECT RAISE(ABORT, 'ledger_transaction_balances: the postings do not sum to zero in each currency');
END;

CREATE TRIGGER ledger_transactions_frozen_update BEFORE UPDATE ON ledger_transactions
BEGIN
    SELECT RAISE(ABORT, 'ledger_transactions_frozen_update: the ledger is append-only');
END;

CREATE TRIGGER ledger_transactions_frozen_delete BEFORE DELETE ON ledger_transactions
BEGIN
    SELECT RAISE(ABORT, 'ledger_transactions_frozen_delete: the ledger is append-only');
END;

CREATE TRIGGER ledger_postings_frozen_update BEFORE UPDATE ON ledger_postings
BEGIN
    SELECT RAISE(ABORT, 'ledger_postings_frozen_update: the ledger is append-only');
END;

CREATE TRIGGER ledger_postings_frozen_delete BEFORE DELETE ON ledger_postings
BEGIN
    SELECT RAISE(ABORT, 'ledger_postings_frozen_delete: the ledger is append-only');
END;

CREATE TRIGGER ledger_seals_frozen_update BEFORE UPDATE ON ledger_seals
BEGIN
    SELECT RAISE(ABORT, 'ledger_seals_frozen_update: the ledger is append-only');
END;

CREATE TRIGGER ledger_seals_frozen_delete BEFORE DELETE ON ledger_seals
BEGIN
    SELECT RAISE(ABORT, 'ledger_seals_frozen_delete: the ledger is append-only');
END;
