-- Tags of requests: by what else than their scenario costs are told apart. A set of tags is one name, `key=value;key=value`. A page reads
-- those of one tenant: they stand together.

ALTER TABLE requests ADD COLUMN tags BIGINT; -- NULL: none
ALTER TABLE attempts ADD COLUMN tags BIGINT; -- NULL: none
ALTER TABLE lines ADD COLUMN tags BIGINT; -- NULL: none

CREATE TABLE tagged_rollups (
    bucket   BIGINT NOT NULL,
    tenant   BIGINT NOT NULL,
    scenario BIGINT NOT NULL,
    expert   BIGINT NOT NULL,
    purpose  BIGINT NOT NULL,
    meter    BIGINT NOT NULL,
    tags     BIGINT NOT NULL,
    lines    BIGINT NOT NULL,
    unknown  BIGINT NOT NULL,
    quantity BIGINT NOT NULL,
    amount   BIGINT NOT NULL,
    PRIMARY KEY (tenant, bucket, scenario, expert, purpose, meter, tags)
);

CREATE TABLE tagged_days (
    bucket   BIGINT NOT NULL,
    tenant   BIGINT NOT NULL,
    scenario BIGINT NOT NULL,
    expert   BIGINT NOT NULL,
    purpose  BIGINT NOT NULL,
    meter    BIGINT NOT NULL,
    tags     BIGINT NOT NULL,
    lines    BIGINT NOT NULL,
    unknown  BIGINT NOT NULL,
    quantity BIGINT NOT NULL,
    amount   BIGINT NOT NULL,
    PRIMARY KEY (tenant, bucket, scenario, expert, purpose, meter, tags)
);
