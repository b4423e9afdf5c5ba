-- The rows of a window, and about how much they hold.
select rows, bytes from archive_waiting(:table_name, :from_tx, :to_tx)
