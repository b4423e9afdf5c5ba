-- What entered. One row a version of an object; the payload byte for byte as received, so bytea:
-- jsonb and text refuse \u0000 and would reorder keys.
create table outbox (
    id              uuid        primary key,            -- v7, made by the writer: sorts by arrival
    source          text        not null,
    entity          text        not null,
    external_id     text        not null,
    version_key     text        not null,               -- event id, or run id for a full run
    version_at      timestamptz not null,
    api_version     text,                               -- the vendor's version the payload is rendered in
    payload         bytea       not null,
    content_type    text        not null,
    run_id          uuid,
    status          text        not null default 'pending' check (status in ('pending', 'processed', 'dead')),
    attempts        integer     not null default 0,     -- only attempts that may have been the row's own fault
    next_attempt_at timestamptz not null,               -- when relay sends the next ticket
    last_error      text,
    error_kind      text,
    received_at     timestamptz not null,
    processed_at    timestamptz,
    unique (source, entity, external_id, version_key)
);

-- What waits. Partial, so that a claim never walks the processed rows.
create index outbox_pending on outbox (next_attempt_at) where status = 'pending';

-- Where each pull stands. Mode is part of the key: an incremental run must not wait for a backfill
-- of a week.
create table sync_state (
    source       text        not null,
    entity       text        not null,
    mode         text        not null check (mode in ('full', 'incremental')),
    watermark    timestamptz,                           -- everything up to here has been drained
    run_id       uuid,                                  -- the run under way, null between runs
    run_started  timestamptz,
    window_from  timestamptz,                           -- the window being paged; null is the beginning
    window_to    timestamptz,                           -- frozen when the window was opened
    upper_bound  timestamptz,                           -- frozen when the run began
    page_token   text,
    lease_until  timestamptz not null default '-infinity',
    fence        bigint      not null default 0,
    requested_at timestamptz,                           -- a run somebody still owes; relay sends it again
    halted       text,                                  -- why only a person can go on (a key refused); relay leaves it
    updated_at   timestamptz not null,
    primary key (source, entity, mode)
);

create table sync_runs (
    id            uuid        primary key,
    source        text        not null,
    entity        text        not null,
    mode          text        not null,
    status        text        not null check (status in ('running', 'succeeded', 'failed')),
    started_at    timestamptz not null,
    updated_at    timestamptz not null,
    finished_at   timestamptz,
    pages         bigint      not null default 0,
    rows_seen     bigint      not null default 0,       -- in the vendor's replies
    rows_new      bigint      not null default 0,       -- of which the outbox did not know the version
    processed     bigint      not null default 0,
    dead          bigint      not null default 0,
    errors        bigint      not null default 0,
    last_error    text,
    unmapped      text[]      not null default '{}',    -- raw statuses no map knows, as "kind:status"
    cursor_before timestamptz,
    cursor_after  timestamptz
);
create index sync_runs_newest on sync_runs (started_at desc, id desc);
-- The last good run of a source: freshness, readiness.
create index sync_runs_succeeded on sync_runs (source, finished_at desc) where status = 'succeeded';

-- One row a money object: charge, refund, dispute, deal. Amounts are ISO 4217 minor units.
create table payments (
    source       text        not null,
    kind         text        not null,
    external_id  text        not null,
    amount       bigint      not null check (amount >= 0),
    currency     text        not null check (currency ~ '^[A-Z]{3}$'),
    status       text        not null,
    raw_status   text        not null,
    occurred_at  timestamptz not null,
    version_at   timestamptz not null,
    native       boolean     not null,                  -- the vendor stamped version_at (an event), not we (a list)
    version_rank smallint    not null,                  -- settles versions stamped with the same second
    content_hash bigint      not null,                  -- of raw: tells a change, and settles what rank cannot
    raw          bytea       not null,
    outbox_id    uuid        not null,                  -- the version that stands
    updated_at   timestamptz not null,
    primary key (source, kind, external_id)
);
create index payments_unmapped on payments (source, kind, raw_status) where status = 'unmapped';

-- Objects of which two versions carry the same second: fetch reads the object again.
create table refetch_requests (
    source       text        not null,
    entity       text        not null,
    external_id  text        not null,
    requested_at timestamptz not null,
    next_send_at timestamptz not null,
    primary key (source, entity, external_id)
);

create table dead_letters (
    id           uuid        primary key,
    source       text,
    entity       text,
    external_id  text,
    outbox_id    uuid,
    payload      bytea       not null,
    error        text        not null,
    error_kind   text        not null,
    attempts     integer     not null,
    run_id       uuid,
    message_id   text,                                  -- of the SQS message, where it was not a ticket
    created_at   timestamptz not null,
    replayed_at  timestamptz,
    replay_count integer     not null default 0
);
create unique index dead_letters_outbox on dead_letters (outbox_id) where outbox_id is not null;
create unique index dead_letters_message on dead_letters (message_id) where message_id is not null;
create index dead_letters_newest on dead_letters (created_at desc, id desc);

-- Keys are random 256-bit strings; only their SHA-256 is kept.
create table api_keys (
    id         uuid        primary key,
    name       text        not null,
    scope      text        not null check (scope in ('read', 'ingest', 'admin')),
    sha256     bytea       not null unique check (octet_length(sha256) = 32),
    created_at timestamptz not null,
    revoked_at timestamptz
);
