-- Bellows' own records. Ids are UUIDv7 as text, times microseconds since 1970 (UTC), documents
-- and details JSON as text. `migrations/sqlite` says the same in the other dialect.

CREATE TABLE person (
    id            TEXT NOT NULL PRIMARY KEY,
    login         TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at    BIGINT NOT NULL
);

-- An absent environment is all of them.
CREATE TABLE person_grant (
    person_id   TEXT NOT NULL REFERENCES person (id),
    role        TEXT NOT NULL,
    environment TEXT
);
CREATE INDEX person_grant_person ON person_grant (person_id);

-- What tower-sessions keeps knows this id; without its row here a session is nobody's.
CREATE TABLE person_session (
    id           TEXT NOT NULL PRIMARY KEY,
    person_id    TEXT NOT NULL REFERENCES person (id),
    origin       TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL
);
CREATE INDEX person_session_person ON person_session (person_id);

-- `account LOGIN` or `address IP`.
CREATE TABLE sign_in_attempt (
    subject       TEXT NOT NULL PRIMARY KEY,
    failures      BIGINT NOT NULL,
    last_at       BIGINT NOT NULL,
    blocked_until BIGINT NOT NULL
);

CREATE TABLE setup_token (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    hash       TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE environment (
    name       TEXT NOT NULL PRIMARY KEY,
    policy     TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- `credentials` is the URL, sealed under the key outside the store and bound to the row's id.
CREATE TABLE target (
    id          TEXT NOT NULL PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    environment TEXT NOT NULL REFERENCES environment (name),
    engine      TEXT NOT NULL,
    address     TEXT NOT NULL,
    credentials BYTEA NOT NULL,
    created_at  BIGINT NOT NULL
);

CREATE TABLE migration (
    id         TEXT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    target_id  TEXT NOT NULL REFERENCES target (id),
    latest     BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Immutable but for `review`.
CREATE TABLE version (
    migration_id TEXT NOT NULL REFERENCES migration (id),
    number       BIGINT NOT NULL,
    hash         TEXT NOT NULL,
    text         TEXT NOT NULL,
    document     TEXT NOT NULL,
    author_id    TEXT NOT NULL REFERENCES person (id),
    review       TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (migration_id, number)
);

-- What was computed when review was asked for; the newest of a version counts. `base` is the
-- schema that it was computed against.
CREATE TABLE plan (
    id           TEXT NOT NULL PRIMARY KEY,
    migration_id TEXT NOT NULL,
    version      BIGINT NOT NULL,
    target_id    TEXT NOT NULL REFERENCES target (id),
    hash         TEXT NOT NULL,
    plan         TEXT NOT NULL,
    base         TEXT NOT NULL,
    fingerprint  TEXT NOT NULL,
    requested_by TEXT NOT NULL REFERENCES person (id),
    created_at   BIGINT NOT NULL,
    FOREIGN KEY (migration_id, version) REFERENCES version (migration_id, number)
);
CREATE INDEX plan_version ON plan (migration_id, version);

CREATE TABLE approval (
    id           TEXT NOT NULL PRIMARY KEY,
    migration_id TEXT NOT NULL,
    version      BIGINT NOT NULL,
    target_id    TEXT NOT NULL REFERENCES target (id),
    plan_hash    TEXT NOT NULL,
    phase        BIGINT NOT NULL,
    person_id    TEXT NOT NULL REFERENCES person (id),
    decision     TEXT NOT NULL,
    comment      TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    FOREIGN KEY (migration_id, version) REFERENCES version (migration_id, number)
);
CREATE INDEX approval_migration ON approval (migration_id);

-- A deploy gate that a person confirmed, for one plan.
CREATE TABLE gate (
    id           TEXT NOT NULL PRIMARY KEY,
    migration_id TEXT NOT NULL REFERENCES migration (id),
    plan_hash    TEXT NOT NULL,
    phase        BIGINT NOT NULL,
    confirmed    TEXT NOT NULL,
    person_id    TEXT NOT NULL REFERENCES person (id),
    created_at   BIGINT NOT NULL
);
CREATE INDEX gate_migration ON gate (migration_id);

-- What the target says, as this store saw it last. `intent` is what was begun and is not done;
-- where it is `wanted`, a server that finds it without a run goes on with it by itself.
CREATE TABLE execution (
    id           TEXT NOT NULL PRIMARY KEY,
    migration_id TEXT REFERENCES migration (id),
    name         TEXT NOT NULL,
    version      BIGINT NOT NULL,
    target_id    TEXT REFERENCES target (id),
    address      TEXT,
    plan_hash    TEXT NOT NULL,
    plan         TEXT NOT NULL,
    state        TEXT NOT NULL,
    phases       TEXT NOT NULL,
    phase        BIGINT NOT NULL,
    started_by   TEXT NOT NULL,
    started_at   BIGINT NOT NULL,
    completed_at BIGINT,
    error        TEXT,
    intent       TEXT,
    wanted       BOOLEAN NOT NULL,
    updated_at   BIGINT NOT NULL
);
CREATE INDEX execution_migration ON execution (migration_id);

-- The last number given out; its row is what appending locks. Apart from `execution`, since the
-- command line keeps events of executions that no server knows.
CREATE TABLE event_head (
    execution_id TEXT NOT NULL PRIMARY KEY,
    seq          BIGINT NOT NULL
);
CREATE TABLE event (
    execution_id TEXT NOT NULL,
    seq          BIGINT NOT NULL,
    at           BIGINT NOT NULL,
    event        TEXT NOT NULL,
    PRIMARY KEY (execution_id, seq)
);

CREATE TABLE audit (
    seq     BIGINT NOT NULL PRIMARY KEY,
    at      BIGINT NOT NULL,
    actor   TEXT,
    origin  TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    hash    TEXT,
    refused BOOLEAN NOT NULL,
    detail  TEXT NOT NULL,
    chain   TEXT NOT NULL
);
CREATE TABLE audit_head (
    id    BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    seq   BIGINT NOT NULL,
    chain TEXT NOT NULL
);
INSERT INTO audit_head (id, seq, chain) VALUES (1, 0, '');

CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event
FOR EACH STATEMENT EXECUTE FUNCTION append_only();
