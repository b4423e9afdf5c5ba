-- A function, because zone and days change together while writers wait
-- (migrations/V2__revenue_buckets.sql).
select set_business_zone(:zone) as changed
