-- Up to where each journal is in a copy of this database that was declared off-site.
ALTER TABLE journal ADD COLUMN stable_seq BIGINT;
ALTER TABLE journal ADD COLUMN stable_head BLOB;

-- The copies of this database that were made and found whole.
CREATE TABLE backup (
    made_at BIGINT NOT NULL,
    place   TEXT NOT NULL,
    offsite SMALLINT NOT NULL,
    entries BIGINT NOT NULL
);
