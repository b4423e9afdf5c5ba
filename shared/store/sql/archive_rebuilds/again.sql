-- The copy has failed and has changed nothing. Its id is used up, so the next attempt has another.
update archive_rebuilds set state = :state, attempt = attempt + 1, next_try_at = :next_try_at, error = :error
where id = :id and attempt = :attempt and state = 'copying'
