-- Kept to what SQLite and PostgreSQL both understand, but for BLOB, which PostgreSQL calls BYTEA.
-- 64-bit ids are stored as the signed integers with the same bits.

-- One life of this database; the row is made by the first open.
CREATE TABLE meta (
    one         SMALLINT PRIMARY KEY CHECK (one = 1),
    epoch       BIGINT NOT NULL,
    predecessor BIGINT,
    -- The journal that this database writes itself: HQ's edits and decisions.
    journal     BIGINT NOT NULL
);

CREATE TABLE office (
    id               TEXT PRIMARY KEY,
    name_ar          TEXT NOT NULL,
    name_en          TEXT NOT NULL,
    added_at         BIGINT NOT NULL,
    -- The last token given out: its secret's hash.
    token_hash       BLOB NOT NULL,
    token_expires_at BIGINT NOT NULL,
    -- The keys it joined with.
    transport_key    BLOB UNIQUE,
    sign_key         BLOB,
    wrap_key         BLOB,
    agent_version    TEXT,
    joined_at        BIGINT,
    revoked_at       BIGINT,
    -- Its feed: the newest number, and how far the office has taken it.
    feed_head        BIGINT NOT NULL DEFAULT 0,
    cursor_epoch     BIGINT,
    cursor_feed      BIGINT NOT NULL DEFAULT 0,
    -- Its last report.
    seen_at          BIGINT,
    clock_offset_ms  BIGINT,
    head_seq         BIGINT
);

CREATE TABLE journal (
    id      BIGINT PRIMARY KEY,
    -- Who writes it: an office, or hq.
    office  TEXT NOT NULL,
    -- When HQ met it, by HQ's clock.
    met_at  BIGINT NOT NULL,
    seq     BIGINT NOT NULL,
    head    BLOB NOT NULL
);
CREATE INDEX journal_office ON journal (office, met_at);

-- The truth: frames as they came. Never deleted.
CREATE TABLE entry (
    journal BIGINT NOT NULL,
    seq     BIGINT NOT NULL,
    head    BLOB NOT NULL,
    frame   BLOB NOT NULL,
    PRIMARY KEY (journal, seq)
);

-- The fold of the entries: one row a record.
CREATE TABLE record (
    id          BLOB PRIMARY KEY,
    office      TEXT NOT NULL,
    form_number TEXT NOT NULL,
    in_conflict SMALLINT NOT NULL,
    state       BLOB NOT NULL,
    -- Its edits, in the order in which they were taken in.
    dots        BLOB NOT NULL
);
CREATE INDEX record_office ON record (office);
CREATE INDEX record_conflict ON record (id) WHERE in_conflict = 1;
CREATE INDEX record_conflict_office ON record (office) WHERE in_conflict = 1;

-- What each office has yet to be sent: an index, not a queue.
CREATE TABLE feed (
    office       TEXT NOT NULL,
    -- A record's id, or the dot of an entry that was held.
    about        BLOB NOT NULL,
    feed_no      BIGINT NOT NULL,
    -- The journal from which alone came the news since the office's cursor; none if from several.
    sole_journal BIGINT,
    PRIMARY KEY (office, about)
);
CREATE INDEX feed_order ON feed (office, feed_no);

-- Entries that were not applied when they came, and what became of them. Rows are never deleted:
-- they are what offices are told, and the record of what staff decided.
CREATE TABLE held (
    -- Journal and number, each as 8 bytes, big-endian.
    dot           BLOB PRIMARY KEY,
    journal       BIGINT NOT NULL,
    seq           BIGINT NOT NULL,
    office        TEXT NOT NULL,
    record        BLOB,
    held_at       BIGINT NOT NULL,
    reason        TEXT NOT NULL,
    waits_journal BIGINT,
    waits_seq     BIGINT,
    -- released, as_is or refused; none while it is held.
    verdict       TEXT,
    decided_at    BIGINT,
    why           TEXT
);
CREATE INDEX held_record ON held (record);
CREATE INDEX held_open ON held (dot) WHERE verdict IS NULL;
CREATE INDEX held_office ON held (office) WHERE verdict IS NULL;
CREATE INDEX held_as_is ON held (record) WHERE verdict = 'as_is';
