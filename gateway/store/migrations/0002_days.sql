-- Rollups by the day, first bucket of each, kept beside those by the bucket: a page of thirty days reads days and its edges.
-- Latencies of a cell stand in one row, as slot:count pairs.

CREATE TABLE request_days (
    bucket   INTEGER NOT NULL,
    tenant   INTEGER NOT NULL,
    scenario INTEGER NOT NULL,
    expert   INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    errors   INTEGER NOT NULL,
    total    INTEGER NOT NULL,
    overhead INTEGER NOT NULL,
    PRIMARY KEY (bucket, tenant, scenario, expert)
) STRICT, WITHOUT ROWID;

INSERT INTO request_days SELECT bucket / 96 * 96, tenant, scenario, expert, SUM(requests), SUM(errors), SUM(total), SUM(overhead)
FROM request_rollups GROUP BY 1, 2, 3, 4;

CREATE TABLE attempt_days (
    bucket   INTEGER NOT NULL,
    tenant   INTEGER NOT NULL,
    scenario INTEGER NOT NULL,
    expert   INTEGER NOT NULL,
    purpose  INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    failed   INTEGER NOT NULL,
    known    INTEGER NOT NULL,
    unknown  INTEGER NOT NULL,
    input    INTEGER NOT NULL,
    output   INTEGER NOT NULL,
    PRIMARY KEY (bucket, tenant, scenario, expert, purpose)
) STRICT, WITHOUT ROWID;

INSERT INTO attempt_days SELECT bucket / 96 * 96, tenant, scenario, expert, purpose, SUM(attempts), SUM(failed), SUM(known), SUM(unknown), SUM(input), SUM(output)
FROM attempt_rollups GROUP BY 1, 2, 3, 4, 5;

CREATE TABLE cost_days (
    bucket   INTEGER NOT NULL,
    tenant   INTEGER NOT NULL,
    scenario INTEGER NOT NULL,
    expert   INTEGER NOT NULL,
    purpose  INTEGER NOT NULL,
    meter    INTEGER NOT NULL,
    lines    INTEGER NOT NULL,
    unknown  INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    amount   INTEGER NOT NULL,
    PRIMARY KEY (bucket, tenant, scenario, expert, purpose, meter)
) STRICT, WITHOUT ROWID;

INSERT INTO cost_days SELECT bucket / 96 * 96, tenant, scenario, expert, purpose, meter, SUM(lines), SUM(unknown), SUM(quantity), SUM(amount)
FROM cost_rollups GROUP BY 1, 2, 3, 4, 5, 6;

CREATE TABLE outcome_days (
    bucket   INTEGER NOT NULL,
    tenant   INTEGER NOT NULL,
    scenario INTEGER NOT NULL,
    expert   INTEGER NOT NULL,
    source   INTEGER NOT NULL,
    outcomes INTEGER NOT NULL,
    score    INTEGER NOT NULL,
    PRIMARY KEY (bucket, tenant, scenario, expert, source)
) STRICT, WITHOUT ROWID;

INSERT INTO outcome_days SELECT bucket / 96 * 96, tenant, scenario, expert, source, SUM(outcomes), SUM(score)
FROM outcome_rollups GROUP BY 1, 2, 3, 4, 5;

ALTER TABLE latency_rollups RENAME TO latency_slots;

CREATE TABLE latency_rollups (
    bucket   INTEGER NOT NULL,
    tenant   INTEGER NOT NULL,
    scenario INTEGER NOT NULL,
    expert   INTEGER NOT NULL,
    counts   TEXT NOT NULL,
    PRIMARY KEY (bucket, tenant, scenario, expert)
) STRICT, WITHOUT ROWID;

INSERT INTO latency_rollups SELECT bucket, tenant, scenario, expert, GROUP_CONCAT(slot || ':' || requests, ',')
FROM latency_slots GROUP BY 1, 2, 3, 4;

CREATE TABLE latency_days (
    bucket   INTEGER NOT NULL,
    tenant   INTEGER NOT NULL,
    scenario INTEGER NOT NULL,
    expert   INTEGER NOT NULL,
    counts   TEXT NOT NULL,
    PRIMARY KEY (bucket, tenant, scenario, expert)
) STRICT, WITHOUT ROWID;

INSERT INTO latency_days SELECT day, tenant, scenario, expert, GROUP_CONCAT(slot || ':' || requests, ',')
FROM (SELECT bucket / 96 * 96 AS day, tenant, scenario, expert, slot, SUM(requests) AS requests
    FROM latency_slots GROUP BY 1, 2, 3, 4, 5)
GROUP BY 1, 2, 3, 4;

DROP TABLE latency_slots;
