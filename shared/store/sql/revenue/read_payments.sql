-- Sums straight from the payments, for cuts that no bucket keeps to. It is one pass over the table,
-- whatever the number of cuts, because width_bucket finds the piece by bisection.
select width_bucket(occurred_at, :cuts::timestamptz[])::bigint as piece_from_one, currency,
       coalesce(sum(amount) filter (where status = 'collected'), 0)::text as collected,
       coalesce(sum(amount) filter (where status = 'refunded'), 0)::text as refunded,
       coalesce(sum(amount) filter (where status = 'disputed'), 0)::text as disputed,
       count(*) filter (where status = 'collected')::text as count
  from payments
 where occurred_at >= (:cuts::timestamptz[])[1]
   and occurred_at < (:cuts::timestamptz[])[cardinality(:cuts::timestamptz[])]
   and status in ('collected', 'refunded', 'disputed') and (coalesce(:vendor, :connection) is null or source = any ((select connections_of(:vendor, :connection))::text[]))
 group by 1, currency
