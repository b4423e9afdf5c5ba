-- A note for the operator on a run that went well: it counts as no error.
update sync_runs set last_error = :note, error_class = null where id = :id
