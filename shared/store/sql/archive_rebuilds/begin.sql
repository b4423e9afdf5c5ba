-- The copy begins. This is committed before BigQuery hears of it.
update archive_rebuilds set state = 'copying', job_id = :job_id, next_try_at = :next_try_at
where id = :id and attempt = :attempt and state in ('staging', 'copying')
