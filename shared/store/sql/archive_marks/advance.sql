-- The window is planned: the next one begins at its end. It returns no row if it was planned by another call.
update archive_marks set to_tx = :to_tx, waiting_since = null, revision = revision + 1
where table_name = :table_name and epoch = :epoch and to_tx = :from_tx
returning revision
