-- An error fails the run only where it cannot go on by itself. A run that has succeeded stays so: the
-- error is of an invocation that lost its lease unnoticed.
update sync_runs
set errors = errors + 1, last_error = :error, error_class = :class, updated_at = greatest(updated_at, :now),
    status = case when :failed and status <> 'succeeded' then 'failed' else status end,
    finished_at = case when :failed and status <> 'succeeded' then :now else finished_at end
where id = :id
