-- Signed editions of the offices' config, and how far the rollout of each has come. Never deleted.
CREATE TABLE edition (
    serial     BIGINT PRIMARY KEY,
    -- As its author's machine made it: what offices are sent.
    envelope   BLOB NOT NULL,
    hash       BLOB NOT NULL,
    pushed_at  BIGINT NOT NULL,
    pushed_by  TEXT,
    stopped_by TEXT,
    -- Its plan, its stage, and who has it by now.
    rollout    BLOB NOT NULL
);

-- Where the config steps in its journal leave each office: a fold of the entries.
CREATE TABLE office_config (
    office     TEXT PRIMARY KEY,
    state      BLOB NOT NULL,
    -- When it made the last step, by its own clock.
    stepped_at BIGINT NOT NULL,
    -- What the state says, for people who look at the table.
    floor      BIGINT NOT NULL,
    running    BIGINT NOT NULL
);
