-- Reconciliations: the vendor's lists against payments, by day (docs/adr/0019).

alter table sync_state drop constraint sync_state_mode_check;
alter table sync_state add constraint sync_state_mode_check check (mode in ('full', 'incremental', 'reconcile'));

-- One row a run of that mode, beside its row in sync_runs.
create table reconciliations (
    run_id    uuid        primary key,
    phase     text        not null check (phase in ('listing', 'mending', 'settling', 'ended')),
    look      smallint    not null,                     -- how often the two sides have been compared, or will be next
    mend_key  uuid,                                     -- under which the objects of differing days go into the outbox
    mended_at timestamptz                               -- when that began
);

-- What each side has on a UTC day. While a look is being taken, all days of it; afterwards those that differ.
create table reconciled_days (
    run_id       uuid     not null,
    look         smallint not null,
    day          date     not null,
    currency     text     not null,
    status       text     not null,
    theirs_count bigint   not null default 0,
    theirs_sum   numeric  not null default 0,           -- minor units
    ours_count   bigint   not null default 0,
    ours_sum     numeric  not null default 0,
    primary key (run_id, look, day, currency, status)
);
