-- A function, because zone and days change together while nobody folds
-- (migrations/V25__revenue_without_a_lock.sql).
select set_business_zone(:zone) as changed
