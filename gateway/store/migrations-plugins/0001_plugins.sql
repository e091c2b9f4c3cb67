-- What plugins keep between calls, and the recorded steps of workflows. The tenant is part of every key.
CREATE TABLE plugin_values (
    tenant     TEXT    NOT NULL,
    plugin     TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    value      BLOB    NOT NULL,
    expires_ns INTEGER,
    PRIMARY KEY (tenant, plugin, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE plugin_steps (
    tenant   TEXT    NOT NULL,
    plugin   TEXT    NOT NULL,
    run      TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    place    INTEGER NOT NULL,
    value    TEXT    NOT NULL,
    at_ns    INTEGER NOT NULL,
    request  TEXT    NOT NULL,
    PRIMARY KEY (tenant, plugin, run, key)
) STRICT, WITHOUT ROWID;
