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
