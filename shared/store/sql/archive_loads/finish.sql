-- The job is done, and all rows are there.
update archive_loads set state = 'loaded', rows = :rows, loaded_at = :now, error = null, was_rejected = false
where batch_id = :batch_id and rebuild = :rebuild and attempt = :attempt and state = 'running'
