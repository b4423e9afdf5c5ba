-- Sums of calendars whose days begin on a quarter of an hour, and in the same snapshot what is not folded yet. Whole UTC
-- days between the first and the last midnight,
select bucket_start::date as utc_day, null::bigint as cut, null::bigint as piece_from_one, currency,
       sum(collected)::text as collected, sum(refunded)::text as refunded, sum(disputed)::text as disputed,
       sum(collected_count)::text as count
  from revenue_sums
 where grain = 'day' and bucket_start >= :first_midnight and bucket_start < :last_midnight
   and (coalesce(:vendor, :connection) is null or source = any ((select connections_of(:vendor, :connection))::text[]))
 group by bucket_start, currency
union all
-- the four hours, hours and quarter hours between each cut and the midnight nearest to it, by an index scan each: OFFSET
-- keeps them apart, because as a plain join Postgres reads the whole table,
select null, edge.cut, null, part.currency, sum(part.collected)::text, sum(part.refunded)::text,
       sum(part.disputed)::text, sum(part.collected_count)::text
  from unnest(:cuts::bigint[], :grains::text[], :lows::timestamp[], :highs::timestamp[]) as edge (cut, grain, low, high)
 cross join lateral (
       select currency, collected, refunded, disputed, collected_count
         from revenue_sums
        where grain = edge.grain and bucket_start >= edge.low and bucket_start < edge.high
          and (coalesce(:vendor, :connection) is null or source = any ((select connections_of(:vendor, :connection))::text[]))
       offset 0
       ) part
 group by edge.cut, part.currency
union all
-- and in one pass the deltas between two cuts each: width_bucket finds them by bisection. Where all days begin at the
-- same time of the UTC day, a division finds them, which takes a third less time.
select null, null, width_bucket(low, :bounds::timestamp[])::bigint, currency, collected, refunded, disputed, count
  from (select coalesce(date_bin('1 day', bucket_start, :only_mark::timestamp),
                        (:bounds::timestamp[])[width_bucket(bucket_start, :bounds::timestamp[])]) as low,
               currency, sum(collected)::text as collected, sum(refunded)::text as refunded,
               sum(disputed)::text as disputed, sum(collected_count)::text as count
          from revenue_deltas
         where bucket_start >= (:bounds::timestamp[])[1]
           and bucket_start < (:bounds::timestamp[])[cardinality(:bounds::timestamp[])]
           and (coalesce(:vendor, :connection) is null or source = any ((select connections_of(:vendor, :connection))::text[]))
         group by low, currency) delta
