-- The job has failed, and the next one would fail as well: a person is told.
update archive_loads set state = 'parked', error = :error
where batch_id = :batch_id and rebuild = :rebuild and attempt = :attempt and state = 'running'
