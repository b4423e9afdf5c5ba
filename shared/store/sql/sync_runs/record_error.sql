-- An error fails the run only where it cannot go on by itself.
update sync_runs
set errors = errors + 1, last_error = :error, updated_at = :now,
    status = case when :failed then 'failed' else status end,
    finished_at = case when :failed then :now else finished_at end
where id = :id
