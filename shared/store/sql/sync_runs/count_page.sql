-- In the page's own transaction, so the counts are exact. A run that had failed and was resumed is
-- running again.
update sync_runs
set pages = pages + 1, rows_seen = rows_seen + :seen, rows_new = rows_new + :new,
    status = 'running', finished_at = null, updated_at = greatest(updated_at, :now)
where id = :id
