-- The parts of a day of a window, of about :bytes each.
select first_id, last_id, rows, bytes from archive_parts(:table_name, :from_tx, :to_tx, :day, :bytes)
