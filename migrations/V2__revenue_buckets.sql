-- Revenue, kept by the database in the same statement that changes payments: no writer can forget it,
-- and every reader sees payments and sums of one snapshot. Why so, and what it costs: docs/adr/0003.

create table revenue_settings (
    one           boolean primary key default true check (one),
    business_zone text    not null default 'UTC'        -- an IANA name that Postgres knows
);
insert into revenue_settings default values;

-- Sums of what counts as revenue. Numeric, because a sum may pass 2^63.
create table revenue_buckets (
    grain        text      not null check (grain in ('day', 'business_day', 'quarter_hour')),
    bucket_start timestamp not null,                    -- wall clock: of UTC, or of the business zone
    source       text      not null,
    currency     text      not null,
    status       text      not null check (status in ('collected', 'refunded', 'disputed')),
    amount       numeric   not null,                    -- minor units of the currency
    count        bigint    not null,
    primary key (grain, bucket_start, source, currency, status)
) with (fillfactor = 70);                               -- room for HOT updates of the newest buckets

-- Adds changes to the buckets of every grain, in key order. The row of revenue_settings is the gate:
-- whoever changes a bucket holds it until commit. Key order alone would not keep two writers from a
-- deadlock, because INSERT ... ON CONFLICT DO UPDATE fires two triggers, each with keys of its own; and
-- a rebuild that holds the gate knows that no change is half done. A business zone that is UTC needs no
-- grain of its own.
create function revenue_buckets_add(
    occurred_ats timestamptz[], sources text[], currencies text[], statuses text[],
    amounts numeric[], counts bigint[]                  -- signed
) returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    zone text;
begin
    if occurred_ats is null then
        return;
    end if;
    select business_zone into strict zone from public.revenue_settings for no key update;
    insert into public.revenue_buckets as b
    select g.grain, g.bucket_start, c.source, c.currency, c.status, sum(c.amount), sum(c.count)
      from unnest(occurred_ats, sources, currencies, statuses, amounts, counts)
           c(occurred_at, source, currency, status, amount, count)
     cross join lateral (values
               ('day',          date_trunc('day', c.occurred_at at time zone 'UTC')),
               ('business_day', case when zone <> 'UTC' then date_trunc('day', c.occurred_at at time zone zone) end),
               ('quarter_hour', date_bin('15 minutes', c.occurred_at at time zone 'UTC', '2000-01-01'))
           ) g(grain, bucket_start)
     where g.bucket_start is not null
     group by g.grain, g.bucket_start, c.source, c.currency, c.status
    having sum(c.amount) <> 0 or sum(c.count) <> 0
     order by g.grain, g.bucket_start, c.source, c.currency, c.status
        on conflict (grain, bucket_start, source, currency, status)
        do update set amount = b.amount + excluded.amount, count = b.count + excluded.count;
end $$;

-- What a statement changed, new minus old; what cancels out does not even take the gate.
create function revenue_buckets_follow() returns trigger language plpgsql
    set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        perform public.revenue_buckets_add(array_agg(occurred_at), array_agg(source), array_agg(currency),
                                           array_agg(status), array_agg(amount::numeric), array_agg(1::bigint))
           from new_rows where status in ('collected', 'refunded', 'disputed');
    elsif tg_op = 'DELETE' then
        perform public.revenue_buckets_add(array_agg(occurred_at), array_agg(source), array_agg(currency),
                                           array_agg(status), array_agg(-amount::numeric), array_agg(-1::bigint))
           from old_rows where status in ('collected', 'refunded', 'disputed');
    else
        perform public.revenue_buckets_add(array_agg(occurred_at), array_agg(source), array_agg(currency),
                                           array_agg(status), array_agg(amount), array_agg(count))
           from (select occurred_at, source, currency, status, sum(amount) as amount, sum(count)::bigint as count
                   from (select occurred_at, source, currency, status, amount, 1 as count from new_rows
                          union all
                         select occurred_at, source, currency, status, -amount, -1 from old_rows) moved
                  where status in ('collected', 'refunded', 'disputed')
                  group by occurred_at, source, currency, status
                 having sum(amount) <> 0 or sum(count) <> 0) net;
    end if;
    return null;
end $$;

create function revenue_buckets_clear() returns trigger language plpgsql
    set search_path = pg_catalog, pg_temp as $$
begin
    perform from public.revenue_settings for no key update;
    delete from public.revenue_buckets;
    return null;
end $$;

-- A trigger with transition tables serves one kind of change only, hence three.
create trigger revenue_buckets_insert after insert on payments
    referencing new table as new_rows
    for each statement execute function revenue_buckets_follow();
create trigger revenue_buckets_update after update on payments
    referencing old table as old_rows new table as new_rows
    for each statement execute function revenue_buckets_follow();
create trigger revenue_buckets_delete after delete on payments
    referencing old table as old_rows
    for each statement execute function revenue_buckets_follow();
create trigger revenue_buckets_truncate after truncate on payments
    for each statement execute function revenue_buckets_clear();

-- Computes the given grains anew from payments. Behind the gate: every change that is committed is seen
-- by the statement after it, and every other one waits and adds itself afterwards. That needs a fresh
-- snapshot a statement, so READ COMMITTED.
create function rebuild_revenue_grains(grains text[]) returns void language plpgsql
    set search_path = pg_catalog, pg_temp as $$
declare
    zone text;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'revenue buckets are rebuilt at READ COMMITTED only'
            using errcode = 'feature_not_supported';
    end if;
    select business_zone into strict zone from public.revenue_settings for no key update;
    delete from public.revenue_buckets where grain = any (grains);
    insert into public.revenue_buckets
    select g.grain, g.bucket_start, p.source, p.currency, p.status, sum(p.amount), count(*)
      from public.payments p
     cross join lateral (values
               ('day',          date_trunc('day', p.occurred_at at time zone 'UTC')),
               ('business_day', case when zone <> 'UTC' then date_trunc('day', p.occurred_at at time zone zone) end),
               ('quarter_hour', date_bin('15 minutes', p.occurred_at at time zone 'UTC', '2000-01-01'))
           ) g(grain, bucket_start)
     where p.status in ('collected', 'refunded', 'disputed') and g.bucket_start is not null and g.grain = any (grains)
     group by g.grain, g.bucket_start, p.source, p.currency, p.status
     order by g.grain, g.bucket_start, p.source, p.currency, p.status;
end $$;

create function rebuild_revenue_buckets() returns void language sql
    set search_path = pg_catalog, pg_temp as $$
    select public.rebuild_revenue_grains(array['day', 'business_day', 'quarter_hour'])
$$;

-- Makes `zone` the business zone; true where it changed and its days were computed anew. A zone that
-- Postgres does not know is refused (invalid_parameter_value).
create function set_business_zone(zone text) returns boolean language plpgsql
    set search_path = pg_catalog, pg_temp as $$
begin
    perform timestamptz '2000-01-01' at time zone zone;
    update public.revenue_settings set business_zone = zone where business_zone <> zone;
    if not found then
        return false;
    end if;
    perform public.rebuild_revenue_grains(array['business_day']);
    return true;
end $$;

-- What is there before the triggers.
select rebuild_revenue_buckets();

-- A year in a zone that no grain keeps is 366 short index reads, which the planner takes for a hundred
-- times as many rows. Where Postgres can compile statements it would compile this one, each time, for
-- longer than it runs. Every statement here is a short one.
do $$
begin
    execute format('alter database %I set jit = off', current_database());
exception when insufficient_privilege then
    raise notice 'jit could not be switched off: only the owner of the database may';
end $$;
