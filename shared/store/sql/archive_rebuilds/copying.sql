-- The job of the copy of a table that is under way.
select job_id from archive_rebuilds where table_name = :table_name and state = 'copying' order by planned_at limit 1
