-- Features of requests without their text, of tenants that agreed, and choices of gates in the shadow.
-- Times are ns since 1970. The tenant leads every key, so that one tenant's rows stand together and go together.

CREATE TABLE captures (
    tenant   TEXT NOT NULL,
    decision BLOB NOT NULL,
    at       INTEGER NOT NULL,
    features BLOB NOT NULL,
    PRIMARY KEY (tenant, decision)
) STRICT, WITHOUT ROWID;

CREATE INDEX captures_by_age ON captures (tenant, at);

CREATE TABLE shadows (
    tenant       TEXT NOT NULL,
    shadow       TEXT NOT NULL, -- the gate in the shadow
    decision     BLOB NOT NULL,
    at           INTEGER NOT NULL,
    live         TEXT NOT NULL, -- the gate that decided
    live_choice  TEXT NOT NULL,
    choice       TEXT NOT NULL,
    quality      INTEGER NOT NULL, -- of the shadow's choice, by the shadow, parts per million
    live_quality INTEGER NOT NULL, -- of the live gate's choice, by the shadow
    PRIMARY KEY (tenant, shadow, decision)
) STRICT, WITHOUT ROWID;

CREATE INDEX shadows_by_age ON shadows (tenant, at);
