-- The days of the business zone with what is not folded yet, and in the same snapshot whether that is the zone asked
-- for. It returns one row without a day if no money moved, and no row if the business zone is another one. A day may be
-- two rows.
--
-- To convert each delta to the zone would take twice as long, so cells of deltas are converted. A cell lies within one
-- day by the caller's rules of the zone. If Postgres' own rules cut one of them in two, it returns no row.
with cells as materialized (
    select date_bin(:step_minutes * interval '1 minute', bucket_start, :one) as one,
           date_bin(:step_minutes * interval '1 minute', bucket_start, :other) as other, currency,
           sum(collected) as collected, sum(refunded) as refunded, sum(disputed) as disputed,
           sum(collected_count) as collected_count
      from revenue_deltas
     -- No zone is a day away from UTC.
     where bucket_start >= :first::date - 1 and bucket_start < :last::date + 2
       and (coalesce(:vendor, :connection) is null or source = any ((select connections_of(:vendor, :connection))::text[]))
     group by 1, 2, currency
),
delta as materialized (
    select (greatest(one, other) at time zone 'UTC' at time zone :zone)::date as local_day,
           ((least(one, other) + :step_minutes * interval '1 minute' - interval '15 minutes')
               at time zone 'UTC' at time zone :zone)::date as last_day,
           currency, collected, refunded, disputed, collected_count
      from cells
)
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
       select local_day, currency, sum(collected)::text, sum(refunded)::text, sum(disputed)::text,
              sum(collected_count)::text
         from delta
        where local_day >= :first and local_day <= :last
        group by local_day, currency
       ) day on true
 where business_zone = :zone and not exists (select from delta where local_day <> last_day)
