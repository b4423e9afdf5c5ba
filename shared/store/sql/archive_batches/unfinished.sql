-- The number of files of a table, or of all, that are still to be written, and why the last one failed.
select count(*) as files, max(last_error) as error
from archive_batches
where state = 'planned' and (:table_name::text is null or table_name = :table_name)
