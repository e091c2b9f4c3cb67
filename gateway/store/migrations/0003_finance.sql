-- What finance people add to the books. Rows are only ever added, and each comes with an entry of the audit log.

-- Lines that were posted for a period that was closed already, and lines that take others back.
ALTER TABLE lines ADD COLUMN origin INTEGER;  -- the bucket it is about; NULL: `bucket` itself
ALTER TABLE lines ADD COLUMN corrects BLOB;   -- the line it takes back, or stands for

CREATE UNIQUE INDEX lines_corrected ON lines (corrects, method) WHERE corrects IS NOT NULL;

-- The last row of a month says how it stands.
CREATE TABLE periods (
    id       INTEGER PRIMARY KEY, -- counted from 1
    month    INTEGER NOT NULL,    -- its first instant
    state    INTEGER NOT NULL,    -- 1 open, 2 soft-closed, 3 closed
    at       INTEGER NOT NULL,
    -- Of a close: what was in it.
    lines    INTEGER NOT NULL,
    unknown  INTEGER NOT NULL,
    pending  INTEGER NOT NULL,
    amount   TEXT NOT NULL,       -- 1e-12 of the currency
    hash     BLOB                 -- over the lines and the close before; NULL where none was made
) STRICT;

-- Each entry's hash is over it and the hash before.
CREATE TABLE audit (
    id     INTEGER PRIMARY KEY, -- counted from 1
    at     INTEGER NOT NULL,
    tenant TEXT,                -- NULL is the platform
    actor  TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    before TEXT,
    after  TEXT,
    reason TEXT,
    hash   BLOB NOT NULL
) STRICT;

CREATE INDEX audit_of_tenant ON audit (tenant, id);

-- What a scenario is assumed to save and to cost; the last version counts.
CREATE TABLE cases (
    tenant   TEXT NOT NULL,
    scenario TEXT NOT NULL,
    version  INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    body     TEXT NOT NULL, -- JSON
    PRIMARY KEY (tenant, scenario, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE verdicts (
    tenant   TEXT NOT NULL,
    scenario TEXT NOT NULL,
    number   INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    verdict  TEXT NOT NULL,
    inputs   TEXT NOT NULL, -- SHA-256 of what it was made of, hex
    body     TEXT NOT NULL, -- JSON
    reason   TEXT NOT NULL,
    PRIMARY KEY (tenant, scenario, number)
) STRICT, WITHOUT ROWID;

-- What was billed for a pool or by a provider; the last row of a month counts.
CREATE TABLE invoices (
    id      INTEGER PRIMARY KEY,
    subject TEXT NOT NULL,    -- as in `rates`
    month   INTEGER NOT NULL, -- its first instant
    amount  TEXT NOT NULL,    -- 1e-12 of the currency
    number  TEXT NOT NULL,
    note    TEXT NOT NULL,    -- what explains a difference
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL
) STRICT;
