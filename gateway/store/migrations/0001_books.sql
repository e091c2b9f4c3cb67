-- The books. Names are interned, times are ns since 1970, money is 1e-12 of the currency, NULL is unknown.
-- Rows of requests, attempts and lines are only added; ids lead with time, so that new rows stand together.

CREATE TABLE names (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;

-- How far each journal segment is posted.
CREATE TABLE segments (
    segment BLOB PRIMARY KEY,
    applied INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE requests (
    request         BLOB PRIMARY KEY,
    tenant          INTEGER NOT NULL,
    principal       INTEGER NOT NULL,
    scenario        INTEGER NOT NULL,
    scenario_source INTEGER NOT NULL,
    expert          INTEGER NOT NULL, -- who answered; 0 is nobody
    decision        BLOB,
    gate            INTEGER,
    reason          INTEGER,
    chosen          INTEGER,
    propensity      INTEGER,          -- parts per million
    candidates      BLOB,
    started         INTEGER NOT NULL,
    total           INTEGER NOT NULL, -- ns
    overhead        INTEGER NOT NULL, -- ns
    status          INTEGER NOT NULL, -- HTTP
    streamed        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
    attempt          BLOB PRIMARY KEY,
    request          BLOB NOT NULL,
    tenant           INTEGER NOT NULL,
    scenario         INTEGER NOT NULL,
    expert           INTEGER NOT NULL,
    host             INTEGER NOT NULL, -- pool or provider
    replica          INTEGER NOT NULL, -- 0 is none
    purpose          INTEGER NOT NULL,
    ending           INTEGER NOT NULL,
    http             INTEGER,
    started          INTEGER NOT NULL,
    finished         INTEGER NOT NULL,
    input_uncached   INTEGER,
    cache_read       INTEGER,
    cache_write      INTEGER,
    output_text      INTEGER,
    output_reasoning INTEGER,
    device           INTEGER, -- ns
    queue            INTEGER, -- ns
    cpu              INTEGER, -- ns
    fuel             INTEGER,
    first_token      INTEGER, -- ns
    pool_window      INTEGER  -- 0: a remote's, priced at once; NULL: waits for its pool's window
) STRICT, WITHOUT ROWID;

CREATE INDEX attempts_waiting ON attempts (host, finished) WHERE pool_window IS NULL;

CREATE TABLE lines (
    line        BLOB PRIMARY KEY,
    attempt     BLOB,
    tenant      INTEGER NOT NULL, -- 0 is the platform
    scenario    INTEGER NOT NULL,
    expert      INTEGER NOT NULL,
    purpose     INTEGER NOT NULL, -- 0 is none
    meter       INTEGER NOT NULL,
    quantity    INTEGER,
    amount      INTEGER,
    rate        INTEGER,
    method      INTEGER NOT NULL,
    bucket      INTEGER NOT NULL,
    pool_window INTEGER           -- NULL: no window's
) STRICT, WITHOUT ROWID;

CREATE TABLE rates (
    rate      INTEGER PRIMARY KEY,
    subject   TEXT NOT NULL,
    meter     INTEGER NOT NULL,
    pico      INTEGER NOT NULL, -- for every
    per       INTEGER NOT NULL, -- units of the meter
    effective INTEGER NOT NULL,
    currency  TEXT NOT NULL,
    source    TEXT NOT NULL
) STRICT;

-- The last running totals of each worker since it started.
CREATE TABLE workers (
    pool        INTEGER NOT NULL,
    worker      INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    provisioned INTEGER NOT NULL,
    busy        INTEGER NOT NULL,
    load        INTEGER NOT NULL,
    idle        INTEGER NOT NULL,
    PRIMARY KEY (pool, worker, incarnation)
) STRICT, WITHOUT ROWID;

CREATE TABLE worker_loads (
    pool        INTEGER NOT NULL,
    worker      INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    expert      INTEGER NOT NULL,
    load        INTEGER NOT NULL,
    PRIMARY KEY (pool, worker, incarnation, expert)
) STRICT, WITHOUT ROWID;

-- What passed between samples, summed up to the next window.
CREATE TABLE intervals (
    id          INTEGER PRIMARY KEY,
    pool        INTEGER NOT NULL,
    worker      INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    bucket      INTEGER NOT NULL,
    from_at     INTEGER NOT NULL,
    to_at       INTEGER NOT NULL,
    provisioned INTEGER NOT NULL,
    busy        INTEGER NOT NULL,
    load        INTEGER NOT NULL,
    idle        INTEGER NOT NULL,
    pool_window INTEGER
) STRICT;

CREATE UNIQUE INDEX intervals_waiting ON intervals (pool, worker, incarnation, bucket)
    WHERE pool_window IS NULL;

CREATE TABLE interval_loads (
    interval INTEGER NOT NULL,
    expert   INTEGER NOT NULL,
    load     INTEGER NOT NULL,
    PRIMARY KEY (interval, expert)
) STRICT, WITHOUT ROWID;

CREATE TABLE pool_windows (
    id          INTEGER PRIMARY KEY,
    pool        INTEGER NOT NULL,
    bucket      INTEGER NOT NULL,
    from_at     INTEGER NOT NULL,
    to_at       INTEGER NOT NULL,
    provisioned INTEGER NOT NULL,
    busy        INTEGER NOT NULL,
    load        INTEGER NOT NULL,
    idle        INTEGER NOT NULL,
    cost        INTEGER,
    rate        INTEGER,
    closed      INTEGER NOT NULL
) STRICT;

CREATE TABLE outcomes (
    request       BLOB NOT NULL,
    source        INTEGER NOT NULL,
    key           TEXT NOT NULL,
    score         INTEGER NOT NULL, -- parts per million
    label         TEXT,
    comment_chars INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    counts        INTEGER NOT NULL, -- 1: the last of its source
    PRIMARY KEY (request, source, key)
) STRICT, WITHOUT ROWID;

-- Rollups: 15-minute buckets, kept in the transaction of their rows.
CREATE TABLE request_rollups (
    bucket   INTEGER NOT NULL,
    tenant   INTEGER NOT NULL,
    scenario INTEGER NOT NULL,
    expert   INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    errors   INTEGER NOT NULL,
    total    INTEGER NOT NULL, -- microseconds
    overhead INTEGER NOT NULL, -- microseconds
    PRIMARY KEY (bucket, tenant, scenario, expert)
) STRICT, WITHOUT ROWID;

CREATE TABLE latency_rollups (
    bucket   INTEGER NOT NULL,
    tenant   INTEGER NOT NULL,
    scenario INTEGER NOT NULL,
    expert   INTEGER NOT NULL,
    slot     INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (bucket, tenant, scenario, expert, slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempt_rollups (
    bucket   INTEGER NOT NULL,
    tenant   INTEGER NOT NULL,
    scenario INTEGER NOT NULL,
    expert   INTEGER NOT NULL,
    purpose  INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    failed   INTEGER NOT NULL,
    known    INTEGER NOT NULL, -- cost posted in full
    unknown  INTEGER NOT NULL, -- cost that stays unknown
    input    INTEGER NOT NULL, -- tokens, as far as known
    output   INTEGER NOT NULL,
    PRIMARY KEY (bucket, tenant, scenario, expert, purpose)
) STRICT, WITHOUT ROWID;

CREATE TABLE cost_rollups (
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

CREATE TABLE outcome_rollups (
    bucket   INTEGER NOT NULL,
    tenant   INTEGER NOT NULL,
    scenario INTEGER NOT NULL,
    expert   INTEGER NOT NULL,
    source   INTEGER NOT NULL,
    outcomes INTEGER NOT NULL,
    score    INTEGER NOT NULL, -- sum of parts per million
    PRIMARY KEY (bucket, tenant, scenario, expert, source)
) STRICT, WITHOUT ROWID;

-- What budgets start from.
CREATE TABLE spend_rollups (
    month     INTEGER NOT NULL, -- its first instant
    tenant    INTEGER NOT NULL,
    principal INTEGER NOT NULL,
    amount    INTEGER NOT NULL,
    PRIMARY KEY (month, tenant, principal)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    key      TEXT PRIMARY KEY,
    tenant   TEXT NOT NULL,
    hash     BLOB NOT NULL UNIQUE,
    settings TEXT NOT NULL,
    created  INTEGER NOT NULL,
    expires  INTEGER,
    revoked  INTEGER
) STRICT;

CREATE INDEX api_keys_of_tenant ON api_keys (tenant, created);
