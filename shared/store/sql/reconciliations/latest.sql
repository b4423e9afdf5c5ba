-- For a report that names no run.
select id from sync_runs
where source = :source and entity = :entity and mode = 'reconcile'
order by started_at desc, id desc
limit 1
