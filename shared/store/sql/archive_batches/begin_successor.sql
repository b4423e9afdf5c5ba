-- The key of the object that is written in the place of a file, before it is. It returns no row if another call has claimed the
-- file meanwhile.
update archive_batches set successor = :successor
where id = :id and state = 'done' and claimed_until = :until
returning id
