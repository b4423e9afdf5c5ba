-- Holds the rows of all tables, so that nothing is begun meanwhile.
select table_name from archive_targets order by table_name for update
