-- The file names nobody who was erased, and no object is left that was begun in its place. Nothing is changed if another call has
-- claimed the file meanwhile.
update archive_batches set searched = :revision, claimed_until = null, successor = null
where id = :id and state = 'done' and searched < :revision and claimed_until = :until
