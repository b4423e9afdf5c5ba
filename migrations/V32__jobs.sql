-- Dead letters that are listed by cause, the attempts behind them, and jobs that act on many rows (docs/adr/0056-jobs.md).
-- Functions of the release before write letters without a reason and note no attempts: readers work the reason out.

-- An error without its values: what differs from row to row. Two rows with one cause have one reason.
create function reason_of(p_error text) returns text
language sql immutable parallel safe as $$
    select left(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(p_error,
        -- A text in quotes.
        '"(\\.|[^"\\])*"', '"…"', 'g'),
        '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}', '<id>', 'g'),
        '[[:alnum:]._%+-]+@[[:alnum:].-]+', '<email>', 'g'),
        -- A vendor's id: a prefix, and at least eight letters and digits of both kinds.
        '\m[a-z]+_(?=[A-Za-z]*[0-9])[A-Za-z0-9]{8,}\M', '<id>', 'g'),
        '\m(?=[0-9a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{16,}\M', '<id>', 'g'),
        -- A number, but not a type such as u64, and not the code of an error of Postgres.
        '(?<![A-Za-z0-9])(?<!SQLSTATE )-?[0-9]+([.,:][0-9]+)*', '<n>', 'g'),
        400)
$$;

alter table dead_letters
    add column reason     text,
    add column settled_at timestamptz;                 -- when its row was found processed after a replay

-- squawk-ignore require-concurrent-index-creation
create index dead_letters_open on dead_letters (created_at desc, id desc) where settled_at is null;
-- squawk-ignore require-concurrent-index-creation
create index dead_letters_unsettled on dead_letters (id) where settled_at is null and replayed_at is not null;

-- Each attempt at a row that failed: those that its process did not survive, and the one after which the row was dead.
create table failed_attempts (
    outbox_id   uuid        not null,
    failed_at   timestamptz not null,
    source      text        not null collate "C",
    entity      text        not null,
    external_id text        not null,
    attempts    integer     not null,                  -- of the row, with this one
    died        boolean     not null,                  -- whether the row was dead after it
    error_kind  text        not null,
    error       text        not null,
    reason      text        not null,
    primary key (outbox_id, failed_at)
);
-- The rows that are tried in vain. Those that died have a letter.
create index failed_attempts_in_vain on failed_attempts (failed_at desc, outbox_id desc) where not died;
create index failed_attempts_oldest on failed_attempts (failed_at);

-- Work on many rows that somebody asked for. Its items were chosen once, when it was planned.
create table jobs (
    id          uuid        primary key,
    kind        text        not null,                  -- replay, remap
    filter      jsonb       not null,
    fingerprint bytea       not null,                  -- SHA-256 of the kind and the filter
    state       text        not null,                  -- planned, running, paused, stopped, completed
    rate        integer     not null,                  -- items a second
    asked_by    text        not null,                  -- the name of the key
    why         text,
    items       integer     not null,
    is_capped   boolean     not null,                  -- whether more rows matched than one job takes
    continue_at text,                                  -- from where the next job goes on, if it is capped
    planned_at  timestamptz not null,
    started_at  timestamptz,
    ran_at      timestamptz,                           -- up to when its rate is used
    ended_at    timestamptz
);
create index jobs_newest on jobs (planned_at desc, id desc);
create index jobs_at_work on jobs (started_at) where state = 'running';
-- Two who start the same get one job.
create unique index jobs_alone on jobs (kind, fingerprint) where state in ('running', 'paused');

create table job_items (
    job         uuid        not null references jobs on delete cascade,
    place       integer     not null,                  -- in the order in which they are worked
    target      text        not null,                  -- the table
    key         text[]      not null,                  -- of its row, as text
    version     uuid,                                  -- the row of the outbox that the item was chosen for
    state       text        not null,                  -- waiting, sent, done, dead, skipped
    reason      text,                                  -- of an item that is dead again, or skipped
    sent_at     timestamptz,
    primary key (job, place)
);
create index job_items_waiting on job_items (job, place) where state = 'waiting';
create index job_items_sent on job_items (job, place) where state = 'sent';

-- Messages, dead rows, and rows that are tried in vain, of which a newest failure is shown each. A row that was replayed
-- and is processed is none.
create view failures as
select d.id, d.outbox_id, d.message_id, d.run_id, d.source, d.entity, d.external_id, d.error_kind, d.error,
       coalesce(d.reason, reason_of(d.error)) as reason, d.attempts, d.created_at as failed_at, d.replayed_at, d.replay_count
from dead_letters d
where d.settled_at is null
  and (d.replayed_at is null or d.outbox_id is null
       or (select o.status from outbox o where o.id = d.outbox_id) in ('pending', 'dead'))
union all
select f.outbox_id, f.outbox_id, null, null, f.source, f.entity, f.external_id, f.error_kind, f.error,
       f.reason, f.attempts, f.failed_at, null, 0
from failed_attempts f
where not f.died
  and not exists (select from failed_attempts l where l.outbox_id = f.outbox_id and l.failed_at > f.failed_at)
  and not exists (select from dead_letters d where d.outbox_id = f.outbox_id)
  and (select o.status from outbox o where o.id = f.outbox_id) = 'pending';

-- Puts rows of a job's items back to work, and returns their ids; null for an item that is skipped. A dead row is replayed as it is. Of an object the version
-- that stands is read again; if its row is gone from the outbox, a new one takes its place, with what the table has of it.
--
-- Whatever another transaction holds is left for the next call, so that nothing waits here while it holds rows itself.
create function put_back_to_work(p_job uuid, p_kind text, p_ids uuid[], p_now timestamptz) returns setof uuid
language plpgsql security definer as $$
declare
    v_item   record;
    v_status text;
    v_object record;
    v_id     uuid;
    v_used   integer := 0;
begin
    for v_item in
        select i.place, i.target, i.key, i.version from job_items i
        where i.job = p_job and i.state = 'waiting' and i.target <> 'dead_letters'
        order by i.place
        limit cardinality(p_ids)
        for update skip locked
    loop
        v_id := v_item.version;
        select o.status into v_status from outbox o where o.id = v_id for update skip locked;
        -- Somebody holds it.
        continue when v_status is null and exists (select from outbox o where o.id = v_id);

        if p_kind = 'replay' then
            if v_status is null or v_status = 'processed' then
                update job_items
                set state = 'skipped', reason = case when v_status is null then 'it is gone' else 'it was processed meanwhile' end
                where job = p_job and place = v_item.place;
                return next null;
                continue;
            end if;
            -- The error stays on the row until it is processed.
            update outbox set status = 'pending', attempts = 0, crashes = 0, next_attempt_at = p_now, processed_at = null
            where id = v_id;
            update dead_letters set replayed_at = p_now, replay_count = replay_count + 1 where outbox_id = v_id;
        else
            select * into v_object from standing_version(v_item.target, v_item.key);
            if v_object.outbox_id is distinct from v_id then
                -- A lock that somebody holds looks like a row that is gone. So does a newer version.
                continue when is_standing(v_item.target, v_item.key, v_id);
                update job_items set state = 'skipped', reason = 'another version stands'
                where job = p_job and place = v_item.place;
                return next null;
                continue;
            end if;
            if v_status is null then
                v_used := v_used + 1;
                v_id := p_ids[v_used];
                insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type,
                                    content_encoding, sender, query, error_kind, next_attempt_at, received_at)
                values (v_id, v_object.source, v_object.entity, v_object.external_id, 'remap:' || p_job || ':' || v_item.place,
                        v_object.version_at, v_object.payload, v_object.content_type, v_object.content_encoding,
                        v_object.sender, v_object.query, 'reread', p_now, p_now);
                execute format('update %I set outbox_id = $1 where outbox_id = $2 and %s', v_item.target, v_object.place)
                    using v_id, v_item.version, v_item.key;
            elsif v_status = 'processed' then
                update outbox set status = 'pending', attempts = 0, crashes = 0, next_attempt_at = p_now, processed_at = null,
                                  error_kind = 'reread'
                where id = v_id;
            elsif v_status = 'dead' then
                update job_items set state = 'skipped', reason = 'it is dead: replay it' where job = p_job and place = v_item.place;
                return next null;
                continue;
            end if;
        end if;
        update job_items set state = 'sent', sent_at = p_now, version = v_id where job = p_job and place = v_item.place;
        return next v_id;
    end loop;
end
$$;

-- The version of an object that stands, as a row of the outbox, locked; nothing if it is gone or held. `place` is the
-- condition on its key.
create function standing_version(p_target text, p_key text[]) returns table (
    outbox_id uuid, source text, entity text, external_id text, version_at timestamptz, payload bytea,
    content_type text, content_encoding text, sender text, query text, place text)
language plpgsql security definer as $$
begin
    if p_target = 'payments' then
        return query select p.outbox_id, p.source, p.kind, p.external_id, p.version_at, p.raw, 'application/json', null::text,
                            null::text, null::text, '(source, kind, external_id) = ($3[1], $3[2], $3[3])'
                     from payments p where p.source = p_key[1] and p.kind = p_key[2] and p.external_id = p_key[3]
                     for update skip locked;
    elsif p_target = 'contacts' then
        return query select c.outbox_id, c.source, 'contact', c.external_id, c.version_at, c.raw, 'application/json', null::text,
                            null::text, null::text, '(source, external_id) = ($3[1], $3[2])'
                     from contacts c where c.source = p_key[1] and c.external_id = p_key[2]
                     for update skip locked;
    elsif p_target = 'calendar_events' then
        return query select c.outbox_id, c.source, 'event', c.external_id, c.version_at, c.raw, 'application/json', null::text,
                            null::text, null::text, '(source, calendar_id, external_id) = ($3[1], $3[2], $3[3])'
                     from calendar_events c where c.source = p_key[1] and c.calendar_id = p_key[2] and c.external_id = p_key[3]
                     for update skip locked;
    elsif p_target = 'leads' then
        return query select l.outbox_id, 'leads'::text,
                            case l.state when 'accepted' then 'lead' else l.state || '_lead' end, l.id::text, l.received_at, l.body, l.content_type,
                            l.content_encoding, l.sender, l.query, 'id = $3[1]::uuid'
                     from leads l where l.id = p_key[1]::uuid
                     for update skip locked;
    end if;
end
$$;

-- Whether this version of an object stands, without a lock.
create function is_standing(p_target text, p_key text[], p_version uuid) returns boolean
language sql stable security definer as $$
    select case p_target
        when 'payments' then exists (select from payments where source = p_key[1] and kind = p_key[2] and external_id = p_key[3] and outbox_id = p_version)
        when 'contacts' then exists (select from contacts where source = p_key[1] and external_id = p_key[2] and outbox_id = p_version)
        when 'calendar_events' then exists (select from calendar_events where source = p_key[1] and calendar_id = p_key[2] and external_id = p_key[3]
                                                                  and outbox_id = p_version)
        when 'leads' then exists (select from leads where id = p_key[1]::uuid and outbox_id = p_version)
        else false
    end
$$;

-- A caller's own table of these names must not be used with the owner's rights.
do $$
declare
    v_function text;
begin
    foreach v_function in array array['put_back_to_work', 'standing_version', 'is_standing'] loop
        execute format('alter function %I set search_path = %I, pg_temp', v_function, current_schema());
        execute format('revoke execute on function %I from public', v_function);
    end loop;
end
$$;
