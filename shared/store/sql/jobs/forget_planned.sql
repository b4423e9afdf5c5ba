-- A job that nobody has started in time.
delete from jobs
where id in (select id from jobs where state = 'planned' and planned_at < :before order by planned_at limit 1)
