-- Transactions that a third party decides (docs/adr/0063-transactions-in-postgres.md). `transact` takes them in, and applies
-- call-backs; `settle` works them.
set local lock_timeout = '300ms';

create table transactions (
    id             uuid        primary key,             -- of its client
    sender         text        not null,                -- the name of the client's API key
    body           bytea       not null,                -- as it came; the third party gets it so
    body_sha256    bytea       not null,
    status         text        not null default 'pending'
                   check (status in ('pending', 'submitted', 'completed', 'declined', 'failed', 'needs_review')),
    failure        text        check (failure in ('theirs', 'refused', 'not_done')),
    knowledge      text        not null default 'nothing'
                   check (knowledge in ('nothing', 'unknown', 'not_seen', 'absent', 'known')),
    attempt        integer     not null default 0,      -- the last submission that was begun
    submissions    integer     not null default 0,      -- those that may have reached the third party
    first_begun_at timestamptz,
    last_begun_at  timestamptz,
    deadline       timestamptz not null,
    polls          integer     not null default 0,      -- questions since the last submission
    reason         text,                                -- the last word about it
    revision       bigint      not null default 0,      -- whoever changes the row names the one that it has read
    next_action_at timestamptz,                         -- null: nothing happens by itself
    message_due_at timestamptz,                         -- from then on its message counts as lost
    received_at    timestamptz not null,
    updated_at     timestamptz not null,
    ended_at       timestamptz,
    check ((status = 'failed') = (failure is not null)),
    check ((next_action_at is null) = (message_due_at is null))
);
create index transactions_due on transactions (message_due_at) where message_due_at is not null;
create index transactions_newest on transactions (received_at desc, id desc);
create index transactions_by_status on transactions (status, received_at desc, id desc);
create index transactions_ended on transactions (ended_at) where ended_at is not null;

-- Its history after it came in: one row a change of its state.
create table transaction_changes (
    transaction_id uuid        not null references transactions on delete cascade,
    revision       bigint      not null,
    status         text        not null,
    cause          text        not null,                -- submission, question, call_back, time or operator
    reason         text,
    changed_at     timestamptz not null,
    primary key (transaction_id, revision)
);

-- Its submissions. One that has no end was cut off, and may have been sent.
create table transaction_attempts (
    transaction_id uuid        not null references transactions on delete cascade,
    attempt        integer     not null,
    begun_at       timestamptz not null,
    ended_at       timestamptz,
    outcome        text,
    primary key (transaction_id, attempt)
);

-- The third party's words against a final state, each kept once. They are not applied.
create table transaction_conflicts (
    transaction_id uuid        not null references transactions on delete cascade,
    said           text        not null,
    cause          text        not null,
    status         text        not null,                -- the state that it contradicts
    times          integer     not null default 1,
    first_at       timestamptz not null,
    last_at        timestamptz not null,
    primary key (transaction_id, said)
);

-- The messages to clients. `delivered_at` says that one went out.
create table notifications (
    id             uuid        primary key,
    transaction_id uuid        not null references transactions on delete cascade,
    revision       bigint      not null,                -- of the transaction
    body           text        not null,                -- the same bytes at every attempt
    attempts       integer     not null default 0,
    next_action_at timestamptz,                         -- null: it is delivered, or dead
    message_due_at timestamptz,
    delivered_at   timestamptz,
    dead_at        timestamptz,
    last_error     text,
    created_at     timestamptz not null,
    expires_at     timestamptz not null,                -- the end of its attempts
    unique (transaction_id, revision),
    check ((next_action_at is null) = (message_due_at is null)),
    check ((next_action_at is null) = (delivered_at is not null or dead_at is not null))
);
create index notifications_due on notifications (message_due_at) where message_due_at is not null;
create index notifications_dead on notifications (dead_at desc, id) where dead_at is not null;

-- The calls to a third party in the second that is under way, of all environments together.
create table call_windows (
    service      text        primary key,
    window_start timestamptz not null,
    granted      integer     not null
);

-- Erasure of a person looks through what has ended: the third party gets the bytes of what has not.
alter function erasure_places() rename to erasure_places_of_rows;

create function erasure_places()
returns table (place integer, target text, keys text[], types text[], texts text[], own text, adds text, among text)
language sql immutable as $$
select * from erasure_places_of_rows()
union all
values
    (24, 'transactions', '{id}'::text[], '{uuid}'::text[], '{body,reason}'::text[], 'array[]::text[]', null::text,
     $o$status in ('completed', 'declined', 'failed')$o$),
    (25, 'transaction_changes', '{transaction_id,revision}', '{uuid,bigint}', '{reason}', 'array[]::text[]', null, 'true'),
    (26, 'notifications', '{id}', '{uuid}', '{body,last_error}', 'array[]::text[]', null, 'next_action_at is null')
$$;
