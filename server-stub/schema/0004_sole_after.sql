-- Up to where an office must have taken its feed for `sole_journal` to hold: an office that has lost
-- its inbox is sent what its own entries were added to.
ALTER TABLE feed ADD COLUMN sole_after BIGINT NOT NULL DEFAULT 0;
UPDATE feed SET sole_journal = NULL;
