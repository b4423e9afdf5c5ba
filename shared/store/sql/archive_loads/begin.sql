-- An attempt begins. This is committed before BigQuery hears of it.
update archive_loads set state = 'running', job_id = :job_id, begun_at = :now
where batch_id = :batch_id and rebuild = :rebuild and attempt = :attempt and state = 'due'
