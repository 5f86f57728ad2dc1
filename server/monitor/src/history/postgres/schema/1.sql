-- Texts that repeat: kind 1 task type, 2 worker, 3 queue, 4 exchange,
-- 5 routing key, 6 client, 7 custom state. Found by 16 bytes of their SHA-256,
-- as an index refuses long texts. Numbers are never used twice.
CREATE TABLE words (
    id INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind SMALLINT NOT NULL,
    digest BYTEA NOT NULL,
    text TEXT NOT NULL,
    UNIQUE (kind, digest)
);

-- Counts how often words were removed: writers forget the numbers they know.
CREATE TABLE words_removed (times BIGINT NOT NULL);
INSERT INTO words_removed VALUES (0);

-- Tracebacks by the first 63 bits of their SHA-256.
CREATE TABLE tracebacks (
    id BIGINT PRIMARY KEY,
    text TEXT NOT NULL
);

-- Times are microseconds since the epoch. Ids are the 16 bytes of a UUID, or
-- bytes of another length that begin with a mark (see id.rs).
CREATE TABLE tasks (
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id BYTEA NOT NULL UNIQUE,
    -- The whole id where it is too long for the index.
    long_id TEXT,
    -- Received, else sent, else the newest event.
    time BIGINT NOT NULL,
    -- Place among Celery's own states; 10 + word for a custom one.
    state INTEGER NOT NULL,
    name INTEGER,
    worker INTEGER,
    queue INTEGER,
    retries BIGINT NOT NULL,
    delivery BIGINT NOT NULL,
    sent BIGINT,
    received BIGINT,
    started BIGINT,
    finished BIGINT,
    runtime DOUBLE PRECISION,
    eta BIGINT,
    expires BIGINT,
    -- The newest event, and how far the task has come: what decides between two records.
    timestamp BIGINT NOT NULL,
    progress BIGINT NOT NULL,
    clock BIGINT,
    pid BIGINT,
    exchange INTEGER,
    routing_key INTEGER,
    client INTEGER,
    -- 1 its own root, 2 its own parent, 4 workers were told to drop it.
    flags SMALLINT NOT NULL,
    sources SMALLINT NOT NULL,
    root BYTEA,
    parent BYTEA,
    retry_of BYTEA,
    args TEXT,
    kwargs TEXT,
    result TEXT,
    exception TEXT,
    traceback BIGINT,
    reason TEXT,
    -- JSON: earlier attempts and custom events, where there are any.
    past TEXT
);

CREATE INDEX tasks_time ON tasks (time, key);
CREATE INDEX tasks_state ON tasks (state, time, key);
CREATE INDEX tasks_name ON tasks (name, time, key);
-- To find tracebacks that no task has any more.
CREATE INDEX tasks_traceback ON tasks (traceback) WHERE traceback IS NOT NULL;
-- Links are only ever compared, and may be of any length.
CREATE INDEX tasks_parent ON tasks USING hash (parent) WHERE parent IS NOT NULL;
CREATE INDEX tasks_retry_of ON tasks USING hash (retry_of) WHERE retry_of IS NOT NULL;

-- What each dashboard counts, so that it survives a restart.
CREATE TABLE totals (
    dashboard TEXT NOT NULL,
    name TEXT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (dashboard, name)
);

CREATE TABLE event_counts (
    dashboard TEXT NOT NULL,
    worker TEXT NOT NULL,
    kind TEXT NOT NULL,
    task TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (dashboard, worker, kind, task)
);

-- Buckets are a JSON list.
CREATE TABLE runtimes (
    dashboard TEXT NOT NULL,
    worker TEXT NOT NULL,
    task TEXT NOT NULL,
    buckets TEXT NOT NULL,
    sum DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (dashboard, worker, task)
);

-- Stretches in which a dashboard missed events, as JSON.
CREATE TABLE gaps (
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dashboard TEXT NOT NULL,
    start BIGINT NOT NULL,
    gap TEXT NOT NULL
);
CREATE INDEX gaps_start ON gaps (dashboard, start);

-- Who did what by which dashboard: entries as JSON by their number.
CREATE TABLE audit (
    dashboard TEXT NOT NULL,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (dashboard, number)
);
CREATE INDEX audit_at ON audit (at);

-- Views that somebody gave a name; the query is that of the page's address.
CREATE TABLE views (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    query TEXT NOT NULL,
    created BIGINT NOT NULL
);
