-- The job has failed and has written nothing. Its id is used up, so the next attempt has another.
update archive_loads set state = 'due', attempt = attempt + 1, next_try_at = :next_try_at, error = :error,
                         was_rejected = :was_rejected
where batch_id = :batch_id and rebuild = :rebuild and attempt = :attempt and state = 'running'
