-- The days of the business zone with what is not folded yet, and in the same snapshot whether that is the zone asked
-- for. It returns one row without a day if no money moved, and no row if the business zone is another one. A day may be
-- two rows.
select (day.bucket_start - :first::date)::bigint as day, day.currency,
       day.collected, day.refunded, day.disputed, day.count
  from revenue_settings
  left join lateral (
       select bucket_start::date as bucket_start, currency, sum(collected)::text as collected,
              sum(refunded)::text as refunded, sum(disputed)::text as disputed, sum(collected_count)::text as count
         from revenue_sums
        where grain = 'business_day' and bucket_start >= :first and bucket_start <= :last
          and (coalesce(:vendor, :connection) is null or source = any ((select connections_of(:vendor, :connection))::text[]))
        group by bucket_start, currency
        union all
       select * from (
              select (bucket_start at time zone 'UTC' at time zone :zone)::date as local_day, currency,
                     sum(collected)::text, sum(refunded)::text, sum(disputed)::text, sum(collected_count)::text
                from revenue_deltas
                -- No zone is a day away from UTC.
               where bucket_start >= :first::date - 1 and bucket_start < :last::date + 2
                 and (coalesce(:vendor, :connection) is null or source = any ((select connections_of(:vendor, :connection))::text[]))
               group by local_day, currency
              -- Days outside are left out of the sums, not of the deltas: the planner would expect few of these, and sort.
              offset 0
              ) delta
        where local_day >= :first and local_day <= :last
       ) day on true
 where business_zone = :zone
