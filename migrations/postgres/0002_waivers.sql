-- A finding that an approver accepted as it is, for one plan.
CREATE TABLE waiver (
    id           TEXT NOT NULL PRIMARY KEY,
    migration_id TEXT NOT NULL REFERENCES migration (id),
    plan_hash    TEXT NOT NULL,
    rule         TEXT NOT NULL,
    phase        BIGINT,
    operation    BIGINT,
    reason       TEXT NOT NULL,
    person_id    TEXT NOT NULL REFERENCES person (id),
    created_at   BIGINT NOT NULL
);
CREATE INDEX waiver_migration ON waiver (migration_id);
