-- A function, because it corrects the sums of all grains while nobody folds
-- (migrations/V25__revenue_without_a_lock.sql).
select rebuild_revenue_buckets()
