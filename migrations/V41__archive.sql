-- The analytics copy (docs/adr/0067-the-analytics-copy.md). The indexes come with V44 and V45.
-- squawk-ignore-file adding-field-with-default
set local lock_timeout = '300ms';

-- The transaction that wrote the row, or changed what is copied of it. A bigint, since BRIN has no operators for xid8. The
-- default is stable, and worked out once for rows that are there, so none is rewritten: they carry the transaction of this
-- migration, and are the first window. Tables are locked in the order in which process locks them. Leaves to come get column and
-- index from the outbox.
alter table outbox add column if not exists tx bigint not null default (pg_current_xact_id()::text::bigint);
alter table events add column if not exists tx bigint not null default (pg_current_xact_id()::text::bigint);
alter table payments add column if not exists tx bigint not null default (pg_current_xact_id()::text::bigint);
alter table leads
    add column if not exists tx bigint not null default (pg_current_xact_id()::text::bigint),
    -- When people or a second reading changed it; null since it came.
    add column if not exists updated_at timestamptz;
alter table contacts add column if not exists tx bigint not null default (pg_current_xact_id()::text::bigint);
alter table calendar_events add column if not exists tx bigint not null default (pg_current_xact_id()::text::bigint);
alter table transactions add column if not exists tx bigint not null default (pg_current_xact_id()::text::bigint);
alter table dead_letters add column if not exists tx bigint not null default (pg_current_xact_id()::text::bigint);

-- Functions of the release before change rows and know nothing of `tx`. Those of this one set it themselves, for which no trigger
-- is called.
create function archive_touch() returns trigger
language plpgsql as $$
begin
    new.tx := pg_current_xact_id()::text::bigint;
    return new;
end
$$;

create trigger archive_touch before update on payments for each row
when (new.tx = old.tx and (new.amount, new.currency, new.status, new.raw_status, new.occurred_at, new.account, new.version_at,
                           new.outbox_id)
                          is distinct from (old.amount, old.currency, old.status, old.raw_status, old.occurred_at, old.account,
                                            old.version_at, old.outbox_id))
execute function archive_touch();

create trigger archive_touch before update on contacts for each row
when (new.tx = old.tx and (new.email, new.phone, new.first_name, new.last_name, new.merged_into, new.deleted_at, new.unreadable,
                           new.version_at, new.outbox_id)
                          is distinct from (old.email, old.phone, old.first_name, old.last_name, old.merged_into, old.deleted_at,
                                            old.unreadable, old.version_at, old.outbox_id))
execute function archive_touch();

create trigger archive_touch before update on calendar_events for each row
when (new.tx = old.tx and (new.status, new.summary, new.starts_at, new.ends_at, new.start_date, new.end_date,
                           new.recurring_event_id, new.deleted_at, new.version_at, new.outbox_id)
                          is distinct from (old.status, old.summary, old.starts_at, old.ends_at, old.start_date, old.end_date,
                                            old.recurring_event_id, old.deleted_at, old.version_at, old.outbox_id))
execute function archive_touch();

create trigger archive_touch before update on leads for each row
when (new.tx = old.tx and (new.revision, new.state, new.email, new.phone, new.name, new.company)
                          is distinct from (old.revision, old.state, old.email, old.phone, old.name, old.company))
execute function archive_touch();

create trigger archive_touch before update on transactions for each row
when (new.tx = old.tx and (new.status, new.failure, new.knowledge, new.attempt, new.submissions, new.polls, new.reason,
                           new.deadline, new.ended_at)
                          is distinct from (old.status, old.failure, old.knowledge, old.attempt, old.submissions, old.polls,
                                            old.reason, old.deadline, old.ended_at))
execute function archive_touch();

create trigger archive_touch before update on dead_letters for each row
when (new.tx = old.tx and (new.error, new.error_kind, new.attempts, new.created_at, new.settled_at)
                          is distinct from (old.error, old.error_kind, old.attempts, old.created_at, old.settled_at))
execute function archive_touch();

-- One row a life of the database: a cluster that was restored or moved begins the next one, and so does another bucket. Each
-- begins with a copy of everything.
create table archive_epochs (
    epoch             integer     primary key,
    system_identifier bigint      not null,             -- of the cluster; 0 if the server does not tell
    bucket            text        not null,             -- that all files in archive_batches are in
    why               text        not null,
    began_at          timestamptz not null
);

-- How far each table is copied. Whoever plans holds the row.
create table archive_marks (
    table_name    text        primary key,
    epoch         integer     not null,
    to_tx         bigint      not null,                 -- rows of transactions before it are in batches
    waiting_since timestamptz,                          -- when rows after it were first seen
    revision      bigint      not null,                 -- counts changes of the list of files
    manifested    bigint      not null                  -- the revision that is written to the store
);

-- One row a file: rows of one table that arrived on one day (UTC), by transactions from from_tx until before to_tx, with keys
-- from first_id to last_id. It is frozen when it is planned.
create table archive_batches (
    id            uuid        primary key,
    table_name    text        not null,
    epoch         integer     not null,
    from_tx       bigint      not null,
    to_tx         bigint      not null,
    day           date        not null,
    part          integer     not null,
    first_id      text collate "C",                     -- null of files that an earlier life has written
    last_id       text collate "C",                     -- the last one
    key           text        not null unique,          -- of the object
    state         text        not null default 'planned' check (state in ('planned', 'done', 'replaced')),
    claimed_until timestamptz,                          -- while somebody writes it
    attempts      integer     not null default 0,
    last_error    text,
    rows          bigint      not null,                 -- as planned, and of the file from when it is done
    bytes         bigint      not null,                 -- of the rows in Postgres, and of the file from when it is done
    sums          jsonb       not null default '{}',    -- amounts in minor units by currency
    sha256        bytea,
    planned_at    timestamptz not null,
    done_at       timestamptz,
    check (to_tx > from_tx),
    check ((state = 'planned') = (done_at is null)),
    check ((done_at is null) = (sha256 is null))
);
create index archive_batches_planned on archive_batches (planned_at) where state = 'planned';
create index archive_batches_of_day on archive_batches (table_name, day);

-- The copied columns of each table, by the names that readers see. What a row of an append-only table shows here never changes,
-- but for the erasure of people. `row_key` is one row's, and `stored_bytes` says about how much it holds.
create view analytics_events as
select outbox_id::text collate "C" as row_key, tx, received_at as arrived_at, event_id, nullif(sender, '') as sender,
       type as event_type, user_id, session_id, occurred_at, clock_skew, payload, metadata, outbox_id::text as outbox_id,
       250 + coalesce(pg_column_size(payload), 0) + coalesce(pg_column_size(metadata), 0) as stored_bytes
from events;

create view analytics_outbox as
select id::text collate "C" as row_key, id, tx, received_at as arrived_at, source, entity, external_id, version_key, version_at,
       api_version, content_type, content_encoding, sender, query, run_id::text as run_id, payload,
       250 + pg_column_size(payload) as stored_bytes
from outbox;

create view analytics_payments as
select array[source, kind, external_id]::text collate "C" as row_key, tx, updated_at as arrived_at, source, kind, external_id,
       account, amount as amount_minor, currency, status, raw_status, occurred_at, version_at, outbox_id::text as outbox_id,
       250 as stored_bytes
from payments;

create view analytics_leads as
select id::text collate "C" as row_key, tx, coalesce(updated_at, received_at) as arrived_at, id::text as lead_id, state,
       conflicts_with::text as conflicts_with, email, phone, name, company, first_name, last_name, country, language, ip, domain,
       offer, source_type, marker, creative, click_id, description, status, assigned_to, revision, sender, query, content_type,
       content_encoding, body as payload, received_at, outbox_id::text as outbox_id,
       500 + pg_column_size(body) as stored_bytes
from leads;

create view analytics_contacts as
select array[source, external_id]::text collate "C" as row_key, tx, updated_at as arrived_at, source, external_id, email, phone,
       first_name, last_name, merged_into, deleted_at, unreadable, version_at, outbox_id::text as outbox_id,
       300 as stored_bytes
from contacts;

-- A calendar's id can be an address, which a key must not show.
create view analytics_calendar_events as
select encode(sha256(convert_to(array[source, calendar_id, external_id]::text, 'UTF8')), 'hex') collate "C" as row_key,
       tx, updated_at as arrived_at, source, calendar_id, external_id, status, summary, starts_at, ends_at, start_date, end_date,
       all_day, recurring_event_id, deleted_at, version_at, outbox_id::text as outbox_id, 300 as stored_bytes
from calendar_events;

create view analytics_transactions as
select id::text collate "C" as row_key, tx, updated_at as arrived_at, id::text as transaction_id, sender, status, failure,
       knowledge, attempt::bigint as attempt, submissions::bigint as submissions, polls::bigint as polls, reason,
       revision, deadline, received_at, ended_at, body as payload, 300 + pg_column_size(body) as stored_bytes
from transactions;

create view analytics_dead_letters as
select id::text collate "C" as row_key, tx, greatest(created_at, settled_at) as arrived_at, id::text as letter_id, source, entity,
       external_id, outbox_id::text as outbox_id, created_at, settled_at, error_kind, failure_class(error_kind) as error_class, error_field, error,
       coalesce(reason, reason_of(error)) as reason, attempts::bigint as attempts, run_id::text as run_id, message_id, payload,
       500 + pg_column_size(payload) as stored_bytes
from dead_letters;

-- The identity of this cluster; 0 if the login may not know it.
create function archive_system_identifier() returns bigint
language plpgsql stable as $$
begin
    return (select system_identifier from pg_control_system());
exception
    when insufficient_privilege or undefined_function then return 0;
end
$$;

-- The rows of a table by transactions from p_from until before p_to, and about how much they hold.
create function archive_waiting(p_table text, p_from bigint, p_to bigint, out rows bigint, out bytes bigint)
language plpgsql stable as $$
begin
    execute format('select count(*), coalesce(sum(stored_bytes), 0) from %I where tx >= $1 and tx < $2', 'analytics_' || p_table)
        into rows, bytes using p_from, p_to;
end
$$;

-- The same in parts: by day of arrival (UTC), and of a day that holds more than p_bytes by ranges of keys with about so many. One
-- pass over the rows, since the first window takes all that is there.
create function archive_parts(p_table text, p_from bigint, p_to bigint, p_bytes bigint)
returns table (day date, part integer, first_id text, last_id text, rows bigint, bytes bigint)
language plpgsql stable as $$
begin
    return query execute format(
        'select day, (row_number() over (partition by day order by nth) - 1)::integer, first_id, last_id, rows, bytes
         from (select day, nth, min(row_key)::text as first_id, max(row_key)::text as last_id, count(*) as rows,
                      sum(stored_bytes)::bigint as bytes
               from (select day, row_key, stored_bytes,
                            (sum(stored_bytes) over (partition by day order by row_key) - stored_bytes) / $3 as nth
                     from (select (arrived_at at time zone ''UTC'')::date as day, row_key, stored_bytes from %I
                           where tx >= $1 and tx < $2) r) n
               group by day, nth) p
         order by 1, 2', 'analytics_' || p_table)
        using p_from, p_to, p_bytes;
end
$$;

-- After a restore from a dump, rows carry transactions of the cluster before. Those that this one has not reached are written as
-- of before all, up to p_limit of them, and their number is returned: the first window takes them, and no later one.
create function archive_adopt(p_table text, p_limit integer) returns bigint
language plpgsql security definer as $$
declare
    v_rows bigint;
begin
    if p_table not in ('events', 'outbox', 'payments', 'leads', 'contacts', 'calendar_events', 'transactions', 'dead_letters') then
        raise exception 'no such table is copied: %', p_table;
    end if;
    execute format('with foreign_rows as (select tableoid, ctid from %1$I where tx >= $1 limit $2)
                    update %1$I t set tx = 0 from foreign_rows f where t.tableoid = f.tableoid and t.ctid = f.ctid', p_table)
        using pg_snapshot_xmax(pg_current_snapshot())::text::bigint, p_limit;
    get diagnostics v_rows = row_count;
    return v_rows;
end
$$;

-- A caller's own table of such a name must not be used with the owner's rights.
do $$
begin
    execute format('alter function archive_adopt set search_path = %I, pg_temp', current_schema());
end
$$;
revoke execute on function archive_adopt from public;
revoke execute on function archive_system_identifier from public;
revoke execute on function archive_waiting from public;
revoke execute on function archive_parts from public;
