-- Texts that repeat: kind 1 task type, 2 worker, 3 queue, 4 exchange,
-- 5 routing key, 6 client, 7 custom state. Numbers are never used twice, as
-- readers remember them.
CREATE TABLE words (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind INTEGER NOT NULL,
    text TEXT NOT NULL,
    UNIQUE (kind, text)
);

-- Tracebacks by the first 63 bits of their SHA-256.
CREATE TABLE tracebacks (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL
);

-- Times are microseconds since the epoch. Ids are the 16 bytes of a UUID, or
-- text where they are none.
CREATE TABLE tasks (
    key INTEGER PRIMARY KEY,
    id ANY NOT NULL,
    -- 64 bits made of the id: a smaller index than the whole id's.
    id_hash INTEGER NOT NULL,
    -- Received, else sent, else the newest event.
    time INTEGER NOT NULL,
    -- Place among Celery's own states; 10 + word for a custom one.
    state INTEGER NOT NULL,
    name INTEGER,
    worker INTEGER,
    queue INTEGER,
    retries INTEGER NOT NULL,
    delivery INTEGER NOT NULL,
    sent INTEGER,
    received INTEGER,
    started INTEGER,
    finished INTEGER,
    runtime REAL,
    eta INTEGER,
    expires INTEGER,
    -- The newest event, and how far the task has come: what decides between two records.
    timestamp INTEGER NOT NULL,
    progress INTEGER NOT NULL,
    clock INTEGER,
    pid INTEGER,
    exchange INTEGER,
    routing_key INTEGER,
    client INTEGER,
    -- 1 its own root, 2 its own parent, 4 workers were told to drop it.
    flags INTEGER NOT NULL,
    sources INTEGER NOT NULL,
    root ANY,
    parent ANY,
    parent_hash INTEGER,
    retry_of ANY,
    args TEXT,
    kwargs TEXT,
    result TEXT,
    exception TEXT,
    traceback INTEGER,
    reason TEXT,
    -- JSON: earlier attempts and custom events, where there are any.
    past TEXT
) STRICT;

CREATE INDEX tasks_id ON tasks (id_hash);
CREATE INDEX tasks_time ON tasks (time);
CREATE INDEX tasks_state ON tasks (state, time);
CREATE INDEX tasks_name ON tasks (name, time);
-- To find tracebacks that no task has any more.
CREATE INDEX tasks_traceback ON tasks (traceback) WHERE traceback IS NOT NULL;
CREATE INDEX tasks_parent ON tasks (parent_hash) WHERE parent_hash IS NOT NULL;
CREATE INDEX tasks_retry_of ON tasks (retry_of) WHERE retry_of IS NOT NULL;

-- What `/metrics` and the pulse count, so that it survives a restart.
CREATE TABLE totals (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE event_counts (
    worker TEXT NOT NULL,
    kind TEXT NOT NULL,
    task TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (worker, kind, task)
) STRICT, WITHOUT ROWID;

-- Buckets are a JSON list.
CREATE TABLE runtimes (
    worker TEXT NOT NULL,
    task TEXT NOT NULL,
    buckets TEXT NOT NULL,
    sum REAL NOT NULL,
    PRIMARY KEY (worker, task)
) STRICT, WITHOUT ROWID;

-- Stretches in which events were missed, as JSON.
CREATE TABLE gaps (
    key INTEGER PRIMARY KEY,
    start INTEGER NOT NULL,
    gap TEXT NOT NULL
) STRICT;
CREATE INDEX gaps_start ON gaps (start);

-- Who did what: entries as JSON by their number.
CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    entry TEXT NOT NULL
) STRICT;

-- Views that somebody gave a name; the query is that of the page's address.
CREATE TABLE views (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    query TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT;
