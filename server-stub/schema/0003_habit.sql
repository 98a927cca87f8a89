-- In which hours HQ heard an office; under the name hq: in which hours HQ itself ran. One row for
-- each week (by Iraqi time, from Sunday), a bit for each of its 168 hours. Few weeks are kept.
CREATE TABLE heard (
    office TEXT NOT NULL,
    week   BIGINT NOT NULL,
    hours  BLOB NOT NULL,
    PRIMARY KEY (office, week)
);
