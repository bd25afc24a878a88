-- The stable code of the last failure, and why the first attempts failed.
ALTER TABLE dead_letters ADD COLUMN code TEXT NOT NULL DEFAULT '';
ALTER TABLE dead_letters ADD COLUMN first_reason TEXT NOT NULL DEFAULT '';
