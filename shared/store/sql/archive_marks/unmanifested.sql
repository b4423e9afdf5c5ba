-- The tables whose list of files has changed since it was written.
select table_name from archive_marks where manifested < revision order by table_name
