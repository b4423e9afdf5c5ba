-- The rows of a window by day of arrival.
select day, rows, bytes from archive_days(:table_name, :from_tx, :to_tx)
