-- Runs that a person asked for (POST /trigger). One is served by the first run of each entity's pull that begins
-- no earlier than it: the same comparison by which sync_state tells what is still owed. docs/adr/0020.
create table run_requests (
    id           uuid        primary key,               -- the run id of the reply
    source       text        not null,
    mode         text        not null check (mode in ('full', 'incremental')),
    entities     text[]      not null,
    requested_at timestamptz not null
);
create index run_requests_newest on run_requests (source, mode, requested_at desc);
create index sync_runs_of_pull on sync_runs (source, entity, mode, started_at);

-- What the reply under an Idempotency-Key named, where it named a run.
alter table idempotency_keys add column run_id uuid;
