-- The journal of the same office that this one goes on from; its Genesis names it.
ALTER TABLE journal ADD COLUMN continues BIGINT;
CREATE INDEX journal_continues ON journal (continues);
-- When this journal last grew although another goes on from it: two machines write as one office.
ALTER TABLE journal ADD COLUMN two_machines_at BIGINT;
