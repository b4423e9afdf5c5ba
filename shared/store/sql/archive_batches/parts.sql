-- The files that a window becomes: a day of arrival each, or a part of one, of at most about :bytes.
select day, part, first_id, last_id, rows, bytes from archive_parts(:table_name, :from_tx, :to_tx, :bytes)
