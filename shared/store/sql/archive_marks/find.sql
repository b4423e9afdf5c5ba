-- How far a table is copied.
select epoch, to_tx, waiting_since, revision, manifested from archive_marks where table_name = :table_name
