-- What was parked before it kept a code and its first reason.
UPDATE dead_letters SET code = 'unknown', first_reason = reason WHERE code = '';
-- Those that wait for a person, and those that are done and will be deleted.
CREATE INDEX dead_letters_parked ON dead_letters (id) WHERE state = 'parked';
CREATE INDEX dead_letters_done ON dead_letters (updated_at) WHERE state = 'done';
