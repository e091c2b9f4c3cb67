-- Judgements by the day of their request, by source and score, so that a page needs not read every one of them.
CREATE TABLE judged_days (
    bucket   INTEGER NOT NULL, -- the first of the day
    tenant   INTEGER NOT NULL,
    scenario INTEGER NOT NULL,
    source   INTEGER NOT NULL,
    score    INTEGER NOT NULL, -- parts per million; -1: asked for, and not given
    outcomes INTEGER NOT NULL,
    reasoned INTEGER NOT NULL, -- with a label or a comment
    in_time  INTEGER NOT NULL, -- within 30 days
    delay    INTEGER NOT NULL, -- ms, summed up
    PRIMARY KEY (bucket, tenant, scenario, source, score)
) STRICT, WITHOUT ROWID;

INSERT INTO judged_days SELECT started / 86400000000000 * 96, tenant, scenario, source, CASE WHEN counts = 2 THEN -1 ELSE score END,
    COUNT(*), SUM(CASE WHEN counts = 1 AND (label IS NOT NULL OR comment_chars > 0) THEN 1 ELSE 0 END),
    SUM(CASE WHEN counts = 1 AND at - started <= 2592000000000000 THEN 1 ELSE 0 END),
    SUM(CASE WHEN counts = 1 THEN (at - started) / 1000000 ELSE 0 END)
FROM outcomes JOIN requests ON requests.request = outcomes.request WHERE counts IN (1, 2) GROUP BY 1, 2, 3, 4, 5;

-- Requests that a judge and somebody else judged, by both scores.
CREATE TABLE paired_days (
    bucket   INTEGER NOT NULL,
    tenant   INTEGER NOT NULL,
    scenario INTEGER NOT NULL,
    source   INTEGER NOT NULL, -- of the other
    score    INTEGER NOT NULL, -- the other's
    judge    INTEGER NOT NULL, -- the judge's
    requests INTEGER NOT NULL,
    PRIMARY KEY (bucket, tenant, scenario, source, score, judge)
) STRICT, WITHOUT ROWID;

INSERT INTO paired_days SELECT started / 86400000000000 * 96, tenant, scenario, others.source, others.score, judges.score, COUNT(*)
FROM outcomes AS judges JOIN outcomes AS others ON others.request = judges.request AND others.counts = 1 AND others.source <> 3
    JOIN requests ON requests.request = judges.request
WHERE judges.counts = 1 AND judges.source = 3 GROUP BY 1, 2, 3, 4, 5, 6;
