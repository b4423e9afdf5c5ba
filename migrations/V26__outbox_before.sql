-- The outbox becomes partitioned by day of arrival, in three steps that move no row (docs/adr/0052-partitions.md). The first:
-- from here on, ids of today's table are below a bound, which lies a week ahead: the third step can be tried again for so
-- long. If it cannot be done by then, drop the check, or no row comes in. The check does not look at rows that are there.
set local lock_timeout = '300ms';

-- The smallest id of a time. Ids are of version 7: their first 48 bits are milliseconds.
create function outbox_id_at(at timestamptz) returns uuid
language sql immutable strict parallel safe as $$
    select (lpad(to_hex(least(greatest(floor(extract(epoch from at at time zone 'UTC') * 1000), 0), 281474976710655)::bigint),
                 12, '0') || '00000000000000000000')::uuid
$$;

-- The time of an id, to the millisecond.
create function outbox_time_of(id uuid) returns timestamptz
language sql immutable strict parallel safe as $$
    select timestamptz '1970-01-01 00:00Z'
           + ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint * interval '1 millisecond'
$$;

do $$
declare
    -- A row from a clock that is ahead moves the bound on.
    v_newest timestamptz := greatest(now(), (select outbox_time_of(id) from outbox order by id desc limit 1));
    v_bound  uuid := outbox_id_at((date_trunc('day', v_newest at time zone 'UTC') + interval '8 days') at time zone 'UTC');
begin
    execute format('alter table outbox add constraint outbox_before_bound check (id < %L) not valid', v_bound);
end
$$;

-- As in V18, without the columns of the constraint: a call that waits for the lock of the third step goes on with the table
-- that it then finds, where each leaf has a constraint of its own.
create or replace function insert_into_outbox(
    p_source           text,
    p_content_type     text,
    p_content_encoding text,
    p_sender           text,
    p_query            text,
    p_run              uuid,
    p_ticket_due_at    timestamptz,
    p_received_at      timestamptz,
    p_ids              uuid[],
    p_entities         text[],
    p_external_ids     text[],
    p_version_keys     text[],
    p_version_ats      timestamptz[],
    p_api_versions     text[],
    p_payloads         bytea[]
) returns setof uuid
language plpgsql as $$
begin
    return query
    insert into outbox (id, source, entity, external_id, version_key, version_at, api_version, payload,
                        content_type, content_encoding, sender, query, run_id, next_attempt_at, received_at)
    select i.id, p_source, i.entity, i.external_id, i.version_key, i.version_at, i.api_version, i.payload,
           p_content_type, p_content_encoding, p_sender, p_query, p_run, p_ticket_due_at, p_received_at
    from unnest(p_ids, p_entities, p_external_ids, p_version_keys, p_version_ats, p_api_versions, p_payloads)
         with ordinality as i (id, entity, external_id, version_key, version_at, api_version, payload, place)
    order by i.external_id collate "C", i.entity, i.version_key, i.place
    on conflict do nothing
    returning outbox.id;
end
$$;
