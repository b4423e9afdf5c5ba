-- The list of files has changed.
update archive_marks set revision = revision + 1 where table_name = :table_name
