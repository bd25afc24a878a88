-- The last number given per issuer and kind. The row is locked until the
-- document is committed, so that no number is lost; the price is that documents
-- of one issuer are issued one after the other.
CREATE TABLE invoice_series (
    issuer      TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    last_number BIGINT NOT NULL,
    CONSTRAINT invoice_series_pk PRIMARY KEY (issuer, kind)
);

CREATE TABLE invoices (
    id            TEXT   NOT NULL,
    issuer        TEXT   NOT NULL,
    kind          TEXT   NOT NULL,
    sequence      BIGINT NOT NULL,
    number        TEXT   NOT NULL,
    user_id       TEXT   NOT NULL,
    payment_id    TEXT   NOT NULL,
    operation_id  TEXT   NOT NULL,
    reference     TEXT   NOT NULL,
    corrects      TEXT,
    lines         TEXT   NOT NULL,
    currency      TEXT   NOT NULL,
    total_minor   BIGINT NOT NULL,
    issued_at_ms  BIGINT NOT NULL,
    CONSTRAINT invoices_pk PRIMARY KEY (id),
    CONSTRAINT invoices_sequence_unique UNIQUE (issuer, kind, sequence),
    CONSTRAINT invoices_operation_unique UNIQUE (operation_id),
    CONSTRAINT invoices_payment_fk FOREIGN KEY (payment_id) REFERENCES payments (id),
    CONSTRAINT invoices_corrects_fk FOREIGN KEY (corrects) REFERENCES invoices (id),
    CONSTRAINT invoices_kind_known CHECK (kind IN ('invoice', 'credit_note')),
    CONSTRAINT invoices_total_positive CHECK (total_minor > 0),
    CONSTRAINT invoices_correction CHECK ((kind = 'credit_note') = (corrects IS NOT NULL))
);
CREATE INDEX invoices_by_user ON invoices (user_id, id);
CREATE INDEX invoices_by_payment ON invoices (payment_id, id);

CREATE TRIGGER invoices_frozen_replace BEFORE INSERT ON invoices
WHEN EXISTS (SELECT 1 FROM invoices WHERE id = NEW.id
    OR (issuer = NEW.issuer AND kind = NEW.kind AND sequence = NEW.sequence)
    OR operation_id = NEW.operation_id)
BEGIN
    SELECT RAISE(ABORT, 'invoices_frozen_replace: documents never change');
END;

-- The next number follows the last one, or nothing is issued.
CREATE TRIGGER invoices_without_gaps BEFORE INSERT ON invoices
WHEN NEW.sequence <> 1 + COALESCE(
    (SELECT MAX(sequence) FROM invoices WHERE issuer = NEW.issuer AND kind = NEW.kind), 0)
BEGIN
    SELECT RAISE(ABORT, 'invoices_without_gaps: the number does not follow the last one');
END;

CREATE TRIGGER invoices_frozen_update BEFORE UPDATE ON invoices
BEGIN
    SELECT RAISE(ABORT, 'invoices_frozen_update: documents never change');
END;

CREATE TRIGGER invoices_frozen_delete BEFORE DELETE ON invoices
BEGIN
    SELECT RAISE(ABORT, 'invoices_frozen_delete: documents never change');
END;
