-- Holds the row of a table.
select table_name from archive_targets where table_name = :table_name for update
