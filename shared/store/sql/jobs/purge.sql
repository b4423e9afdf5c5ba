-- Jobs that have ended, and those that nobody has started, with their items. At most one job, since it may have 100,000.
delete from jobs
where id in (select id from jobs where planned_at < :before and state <> all ('{running,paused}') order by planned_at limit 1)
