-- The number of files that are still to be written, and why the last one failed.
select count(*) as files, max(last_error) as error from archive_batches where state = 'planned'
