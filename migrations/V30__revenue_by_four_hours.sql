-- A grain of four hours (docs/adr/0054-four-hours.md): a day that begins five hours after midnight is read from two
-- buckets, not five.

-- Nobody folds from here on, so the sums stay as they are read below. Writers and readers go on.
select from revenue_settings for update;
create temporary table four_hours on commit drop as
select date_bin('4 hours', bucket_start, '2000-01-01') as bucket_start, source, currency, sum(collected) as collected,
       sum(refunded) as refunded, sum(disputed) as disputed, sum(collected_count)::bigint as collected_count,
       sum(refunded_count)::bigint as refunded_count, sum(disputed_count)::bigint as disputed_count
  from revenue_sums
 where grain = 'hour'
 group by 1, 2, 3;

-- As in V25, with the new grain.
create or replace function derive_revenue_sums(grains text[]) returns void language plpgsql
    set search_path = pg_catalog, pg_temp as $$
declare
    zone text;
begin
    select business_zone into strict zone from public.revenue_settings;
    insert into public.revenue_sums as s
    select grain, bucket_start, source, currency, sum(collected), sum(refunded), sum(disputed),
           sum(collected_count)::bigint, sum(refunded_count)::bigint, sum(disputed_count)::bigint
      from (select g.grain, g.bucket_start, q.source, q.currency, q.collected, q.refunded, q.disputed,
                   q.collected_count, q.refunded_count, q.disputed_count
              from public.revenue_sums q
             cross join lateral (values
                       ('day',          date_trunc('day', q.bucket_start)),
                       ('four_hours',   date_bin('4 hours', q.bucket_start, '2000-01-01')),
                       ('hour',         date_trunc('hour', q.bucket_start)),
                       ('business_day', case when zone <> 'UTC' then
                                            date_trunc('day', q.bucket_start at time zone 'UTC' at time zone zone) end)
                   ) g(grain, bucket_start)
             where q.grain = 'quarter_hour' and g.grain = any (grains) and g.bucket_start is not null
             union all
            select grain, bucket_start, source, currency, -collected, -refunded, -disputed,
                   -collected_count, -refunded_count, -disputed_count
              from public.revenue_sums
             where grain = any (grains)) wrong
     group by grain, bucket_start, source, currency
    having (sum(collected), sum(refunded), sum(disputed), sum(collected_count), sum(refunded_count), sum(disputed_count))
           <> (0, 0, 0, 0, 0, 0)
     order by grain, bucket_start, source, currency
        on conflict (grain, bucket_start, source, currency) do update
       set collected = s.collected + excluded.collected,
           refunded = s.refunded + excluded.refunded,
           disputed = s.disputed + excluded.disputed,
           collected_count = s.collected_count + excluded.collected_count,
           refunded_count = s.refunded_count + excluded.refunded_count,
           disputed_count = s.disputed_count + excluded.disputed_count;
    delete from public.revenue_sums
     where grain = any (grains)
       and (collected, refunded, disputed, collected_count, refunded_count, disputed_count) = (0, 0, 0, 0, 0, 0);
end $$;

-- As in V25, with the new grain.
create or replace function fold_revenue_deltas(most integer) returns bigint language plpgsql
    security definer set search_path = pg_catalog, pg_temp as $$
declare
    zone   text;
    folded bigint;
    empty  public.revenue_sums[];
begin
    select business_zone into zone from public.revenue_settings for no key update skip locked;
    if not found then
        return null;
    end if;
    with taken as (
        delete from public.revenue_deltas
         where ctid = any (array(select ctid from public.revenue_deltas limit most for update skip locked))
        returning *
    ),
    quarters as (
        select bucket_start, source, currency, sum(collected) as collected, sum(refunded) as refunded,
               sum(disputed) as disputed, sum(collected_count) as collected_count,
               sum(refunded_count) as refunded_count, sum(disputed_count) as disputed_count
          from taken
         group by bucket_start, source, currency
    ),
    added as (
        insert into public.revenue_sums as s
        select g.grain, g.bucket_start, q.source, q.currency, sum(q.collected), sum(q.refunded), sum(q.disputed),
               sum(q.collected_count)::bigint, sum(q.refunded_count)::bigint, sum(q.disputed_count)::bigint
          from quarters q
         cross join lateral (values
                   ('day',          date_trunc('day', q.bucket_start)),
                   ('four_hours',   date_bin('4 hours', q.bucket_start, '2000-01-01')),
                   ('hour',         date_trunc('hour', q.bucket_start)),
                   ('quarter_hour', q.bucket_start),
                   ('business_day', case when zone <> 'UTC' then
                                        date_trunc('day', q.bucket_start at time zone 'UTC' at time zone zone) end)
               ) g(grain, bucket_start)
         where g.bucket_start is not null
         group by g.grain, g.bucket_start, q.source, q.currency
        having (sum(q.collected), sum(q.refunded), sum(q.disputed),
                sum(q.collected_count), sum(q.refunded_count), sum(q.disputed_count)) <> (0, 0, 0, 0, 0, 0)
         order by g.grain, g.bucket_start, q.source, q.currency
            on conflict (grain, bucket_start, source, currency) do update
           set collected = s.collected + excluded.collected,
               refunded = s.refunded + excluded.refunded,
               disputed = s.disputed + excluded.disputed,
               collected_count = s.collected_count + excluded.collected_count,
               refunded_count = s.refunded_count + excluded.refunded_count,
               disputed_count = s.disputed_count + excluded.disputed_count
        returning s as one
    )
    select (select count(*) from taken), array_agg(one) into folded, empty
      from added
     where ((one).collected, (one).refunded, (one).disputed,
            (one).collected_count, (one).refunded_count, (one).disputed_count) = (0, 0, 0, 0, 0, 0);
    if empty is not null then
        delete from public.revenue_sums s using unnest(empty) e
         where (s.grain, s.bucket_start, s.source, s.currency) = (e.grain, e.bucket_start, e.source, e.currency);
    end if;
    return folded;
end $$;

-- As in V25, with the new grain.
create or replace function rebuild_revenue_buckets() returns void language plpgsql
    set search_path = pg_catalog, pg_temp as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'revenue is rebuilt at READ COMMITTED only' using errcode = 'feature_not_supported';
    end if;
    lock table public.payments in access share mode;
    perform from public.revenue_settings for no key update;
    insert into public.revenue_sums as s
    select 'quarter_hour', bucket_start, source, currency, sum(collected), sum(refunded), sum(disputed),
           sum(collected_count)::bigint, sum(refunded_count)::bigint, sum(disputed_count)::bigint
      from (select date_bin('15 minutes', occurred_at at time zone 'UTC', '2000-01-01') as bucket_start, source, currency,
                   coalesce(sum(amount) filter (where status = 'collected'), 0) as collected,
                   coalesce(sum(amount) filter (where status = 'refunded'), 0) as refunded,
                   coalesce(sum(amount) filter (where status = 'disputed'), 0) as disputed,
                   count(*) filter (where status = 'collected') as collected_count,
                   count(*) filter (where status = 'refunded') as refunded_count,
                   count(*) filter (where status = 'disputed') as disputed_count
              from public.payments
             where status in ('collected', 'refunded', 'disputed')
             group by 1, source, currency
             union all
            select bucket_start, source, currency, -sum(collected), -sum(refunded), -sum(disputed),
                   -sum(collected_count), -sum(refunded_count), -sum(disputed_count)
              from public.revenue_deltas
             group by bucket_start, source, currency
             union all
            select bucket_start, source, currency, -collected, -refunded, -disputed,
                   -collected_count, -refunded_count, -disputed_count
              from public.revenue_sums
             where grain = 'quarter_hour') wrong
     group by bucket_start, source, currency
    having (sum(collected), sum(refunded), sum(disputed), sum(collected_count), sum(refunded_count), sum(disputed_count))
           <> (0, 0, 0, 0, 0, 0)
     order by bucket_start, source, currency
        on conflict (grain, bucket_start, source, currency) do update
       set collected = s.collected + excluded.collected,
           refunded = s.refunded + excluded.refunded,
           disputed = s.disputed + excluded.disputed,
           collected_count = s.collected_count + excluded.collected_count,
           refunded_count = s.refunded_count + excluded.refunded_count,
           disputed_count = s.disputed_count + excluded.disputed_count;
    delete from public.revenue_sums
     where grain = 'quarter_hour'
       and (collected, refunded, disputed, collected_count, refunded_count, disputed_count) = (0, 0, 0, 0, 0, 0);
    perform public.derive_revenue_sums(array['day', 'four_hours', 'hour', 'business_day']);
end $$;

-- As in V25, with the new grain.
create or replace view revenue_buckets as
select grain, bucket_start, source, currency, status, sum(amount) as amount, sum(count)::bigint as count, null::tid as ctid
  from (select s.grain, s.bucket_start, s.source, s.currency, part.status, part.amount, part.count
          from revenue_sums s
         cross join lateral (values
                   ('collected', s.collected, s.collected_count),
                   ('refunded', s.refunded, s.refunded_count),
                   ('disputed', s.disputed, s.disputed_count)) part(status, amount, count)
         union all
        select g.grain, g.bucket_start, d.source, d.currency, part.status, part.amount, part.count
          from revenue_deltas d
         cross join lateral (values
                   ('day',          date_trunc('day', d.bucket_start)),
                   ('four_hours',   date_bin('4 hours', d.bucket_start, '2000-01-01')),
                   ('hour',         date_trunc('hour', d.bucket_start)),
                   ('quarter_hour', d.bucket_start),
                   ('business_day', (select date_trunc('day', d.bucket_start at time zone 'UTC' at time zone z.business_zone)
                                       from revenue_settings z where z.business_zone <> 'UTC'))
               ) g(grain, bucket_start)
         cross join lateral (values
                   ('collected', d.collected, d.collected_count),
                   ('refunded', d.refunded, d.refunded_count),
                   ('disputed', d.disputed, d.disputed_count)) part(status, amount, count)
         where g.bucket_start is not null) parts
 where amount <> 0 or count <> 0
 group by grain, bucket_start, source, currency, status
having sum(amount) <> 0 or sum(count) <> 0;

-- Last, because readers wait for it. The sums that are there have one of the grains, so none of them is looked at.
alter table revenue_sums
    drop constraint revenue_sums_grain_check,
    add constraint revenue_sums_grain_check
        check (grain in ('day', 'four_hours', 'hour', 'quarter_hour', 'business_day')) not valid;
insert into revenue_sums
select 'four_hours', bucket_start, source, currency, collected, refunded, disputed,
       collected_count, refunded_count, disputed_count
  from four_hours
 where (collected, refunded, disputed, collected_count, refunded_count, disputed_count) <> (0, 0, 0, 0, 0, 0)
 order by bucket_start, source, currency;
