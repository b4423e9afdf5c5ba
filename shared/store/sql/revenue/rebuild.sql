-- A function, because it empties and fills the buckets while writers wait
-- (migrations/V2__revenue_buckets.sql).
select rebuild_revenue_buckets()
