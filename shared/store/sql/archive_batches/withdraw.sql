-- A planned file of which no row is left is not written.
delete from archive_batches where id = :id and state = 'planned'
