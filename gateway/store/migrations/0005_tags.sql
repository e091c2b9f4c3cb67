-- Tags of requests: by what else than their scenario costs are told apart. A set of tags is one name, `key=value;key=value`. A page reads
-- those of one tenant: they stand together.

ALTER TABLE requests ADD COLUMN tags INTEGER; -- NULL: none
ALTER TABLE attempts ADD COLUMN tags INTEGER; -- NULL: none
ALTER TABLE lines ADD COLUMN tags INTEGER; -- NULL: none

CREATE TABLE tagged_rollups (
    bucket   INTEGER NOT NULL,
    tenant   INTEGER NOT NULL,
    scenario INTEGER NOT NULL,
    expert   INTEGER NOT NULL,
    purpose  INTEGER NOT NULL,
    meter    INTEGER NOT NULL,
    tags     INTEGER NOT NULL,
    lines    INTEGER NOT NULL,
    unknown  INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    amount   INTEGER NOT NULL,
    PRIMARY KEY (tenant, bucket, scenario, expert, purpose, meter, tags)
) STRICT, WITHOUT ROWID;

CREATE TABLE tagged_days (
    bucket   INTEGER NOT NULL,
    tenant   INTEGER NOT NULL,
    scenario INTEGER NOT NULL,
    expert   INTEGER NOT NULL,
    purpose  INTEGER NOT NULL,
    meter    INTEGER NOT NULL,
    tags     INTEGER NOT NULL,
    lines    INTEGER NOT NULL,
    unknown  INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    amount   INTEGER NOT NULL,
    PRIMARY KEY (tenant, bucket, scenario, expert, purpose, meter, tags)
) STRICT, WITHOUT ROWID;
