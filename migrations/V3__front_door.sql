-- What our own clients push: leads and product events; and who may push how much.

-- Requests a second; null is the configured default.
alter table api_keys add column rate_per_second integer check (rate_per_second > 0);

-- How many requests of a key were granted in its current window, over all environments. Unlogged: a grant
-- writes no WAL, so its commit waits for no flush; after a crash every key begins a new window.
create unlogged table rate_windows (
    key_id       uuid        primary key,
    window_start timestamptz not null,
    granted      integer     not null
);

-- The first request under an Idempotency-Key, and what of its reply cannot be worked out again.
create table idempotency_keys (
    scope       bytea             not null,             -- SHA-256 of the API key: a client's keys are its own
    route       text              not null,
    key         text collate "C"  not null,
    body_sha256 bytea             not null,
    duplicates  integer[],                              -- which events of it were known before; null: none
    created_at  timestamptz       not null,
    expires_at  timestamptz       not null,
    primary key (scope, route, key)
);
create index idempotency_keys_expired on idempotency_keys (expires_at);

-- Leads, for good: the outbox forgets its processed rows after a while.
create table leads (
    id             uuid        primary key,
    state          text        not null check (state in ('accepted', 'conflicting', 'rejected')),
    conflicts_with uuid,                                -- the lead whose Idempotency-Key came with another body
    email          text,
    phone          text,
    name           text,
    company        text,
    content_type   text        not null,
    body           bytea       not null,                -- byte for byte as received
    received_at    timestamptz not null,
    outbox_id      uuid        not null
);
create index leads_newest on leads (received_at desc, id desc);
create index leads_email on leads (lower(email)) where email is not null;

-- Product events; the first of an id stands. Ids in C collation: no release of an operating system's locale
-- can change the order that cursors go by.
create table events (
    event_id    text collate "C" primary key,
    user_id     text collate "C",
    session_id  text,
    type        text             not null,
    payload     text,                                   -- JSON as it came; text, since jsonb refuses \u0000
    metadata    text,
    occurred_at timestamptz      not null,              -- the client's word
    received_at timestamptz      not null,              -- ours
    clock_skew  text check (clock_skew in ('future', 'past')),
    outbox_id   uuid             not null
);
create index events_journey on events (user_id, occurred_at desc, event_id desc) where user_id is not null;
