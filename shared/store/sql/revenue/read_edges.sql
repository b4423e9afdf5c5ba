-- Sums of calendars whose days begin on a quarter of an hour. Whole UTC days between the first and
-- the last midnight,
select bucket_start::date as utc_day, null::bigint as cut, currency,
       coalesce(sum(amount) filter (where status = 'collected'), 0)::text as collected,
       coalesce(sum(amount) filter (where status = 'refunded'), 0)::text as refunded,
       coalesce(sum(amount) filter (where status = 'disputed'), 0)::text as disputed,
       coalesce(sum(count) filter (where status = 'collected'), 0)::text as count
  from revenue_buckets
 where grain = 'day' and bucket_start >= :first_midnight and bucket_start < :last_midnight
   and (coalesce(:vendor, :connection) is null or source = any ((select connections_of(:vendor, :connection))::text[]))
 group by bucket_start, currency
union all
-- and the quarter hours between each cut and the midnight nearest to it.
select null, edge.cut, part.currency, part.collected, part.refunded, part.disputed, part.count
  from unnest(:cuts::bigint[], :lows::timestamp[], :highs::timestamp[]) as edge (cut, low, high)
 cross join lateral (
       select currency,
              coalesce(sum(amount) filter (where status = 'collected'), 0)::text as collected,
              coalesce(sum(amount) filter (where status = 'refunded'), 0)::text as refunded,
              coalesce(sum(amount) filter (where status = 'disputed'), 0)::text as disputed,
              coalesce(sum(count) filter (where status = 'collected'), 0)::text as count
         from revenue_buckets
        where grain = 'quarter_hour' and bucket_start >= edge.low and bucket_start < edge.high
          and (coalesce(:vendor, :connection) is null or source = any ((select connections_of(:vendor, :connection))::text[]))
        group by currency
       ) part
