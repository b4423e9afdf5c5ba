-- The days of the business zone, and in the same snapshot whether that is the zone asked for. It
-- returns one row without a day if no money moved, and no row if the business zone is another one.
select (day.bucket_start::date - :first::date)::bigint as day, day.currency,
       day.collected, day.refunded, day.disputed, day.count
  from revenue_settings
  left join lateral (
       select bucket_start, currency,
              coalesce(sum(amount) filter (where status = 'collected'), 0)::text as collected,
              coalesce(sum(amount) filter (where status = 'refunded'), 0)::text as refunded,
              coalesce(sum(amount) filter (where status = 'disputed'), 0)::text as disputed,
              coalesce(sum(count) filter (where status = 'collected'), 0)::text as count
         from revenue_buckets
        where grain = 'business_day' and bucket_start >= :first and bucket_start <= :last
          and (coalesce(:vendor, :connection) is null or source = any ((select connections_of(:vendor, :connection))::text[]))
        group by bucket_start, currency
       ) day on true
 where business_zone = :zone
