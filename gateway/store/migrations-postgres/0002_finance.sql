-- What finance people add to the books. Rows are only ever added, and each comes with an entry of the audit log.

-- Lines that were posted for a period that was closed already, and lines that take others back.
ALTER TABLE lines ADD COLUMN origin BIGINT;  -- the bucket it is about; NULL: `bucket` itself
ALTER TABLE lines ADD COLUMN corrects BYTEA;   -- the line it takes back, or stands for

CREATE UNIQUE INDEX lines_corrected ON lines (corrects, method) WHERE corrects IS NOT NULL;

-- The last row of a month says how it stands.
CREATE TABLE periods (
    id       BIGINT PRIMARY KEY, -- counted from 1
    month    BIGINT NOT NULL,    -- its first instant
    state    BIGINT NOT NULL,    -- 1 open, 2 soft-closed, 3 closed
    at       BIGINT NOT NULL,
    -- Of a close: what was in it.
    lines    BIGINT NOT NULL,
    unknown  BIGINT NOT NULL,
    pending  BIGINT NOT NULL,
    amount   TEXT NOT NULL,       -- 1e-12 of the currency
    hash     BYTEA                 -- over the lines and the close before; NULL where none was made
);

-- Each entry's hash is over it and the hash before.
CREATE TABLE audit (
    id     BIGINT PRIMARY KEY, -- counted from 1
    at     BIGINT NOT NULL,
    tenant TEXT COLLATE "C",              -- NULL is the platform
    actor  TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    before TEXT,
    after  TEXT,
    reason TEXT,
    hash   BYTEA NOT NULL
);

CREATE INDEX audit_of_tenant ON audit (tenant, id);

-- What a scenario is assumed to save and to cost; the last version counts.
CREATE TABLE cases (
    tenant   TEXT COLLATE "C" NOT NULL,
    scenario TEXT COLLATE "C" NOT NULL,
    version  BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    actor    TEXT NOT NULL,
    body     TEXT NOT NULL, -- JSON
    PRIMARY KEY (tenant, scenario, version)
);

CREATE TABLE verdicts (
    tenant   TEXT COLLATE "C" NOT NULL,
    scenario TEXT COLLATE "C" NOT NULL,
    number   BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    actor    TEXT NOT NULL,
    verdict  TEXT NOT NULL,
    inputs   TEXT NOT NULL, -- SHA-256 of what it was made of, hex
    body     TEXT NOT NULL, -- JSON
    reason   TEXT NOT NULL,
    PRIMARY KEY (tenant, scenario, number)
);

-- What was billed for a pool or by a provider; the last row of a month counts.
CREATE TABLE invoices (
    id      BIGINT PRIMARY KEY,
    subject TEXT NOT NULL,    -- as in `rates`
    month   BIGINT NOT NULL, -- its first instant
    amount  TEXT NOT NULL,    -- 1e-12 of the currency
    number  TEXT NOT NULL,
    note    TEXT NOT NULL,    -- what explains a difference
    at      BIGINT NOT NULL,
    actor   TEXT NOT NULL
);
