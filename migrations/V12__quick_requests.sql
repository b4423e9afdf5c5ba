-- Refetches that cannot flood, and pauses that end by themselves (docs/adr/0031).

-- Objects that were pushed and objects with ties are read in equal shares. An object that was tried in vain waits for
-- its next_send_at; one that was not is read as soon as somebody comes to it.
alter table refetch_requests add column pushed boolean not null default false;
alter table refetch_requests add column tries integer not null default 0;
create index refetch_requests_next on refetch_requests (source, entity, pushed, requested_at);

-- Refetches of an entity have a lease and a pause of their own. The word for a refetch is object.
alter table sync_state drop constraint sync_state_mode_check;
alter table sync_state add constraint sync_state_mode_check
    check (mode in ('full', 'incremental', 'reconcile', 'object'));

-- A pull that is paused (`halted` says why) is tried again at next_try_at, the later the more often it was refused.
alter table sync_state add column paused_since timestamptz;
alter table sync_state add column next_try_at timestamptz;
alter table sync_state add column refusals integer not null default 0;
