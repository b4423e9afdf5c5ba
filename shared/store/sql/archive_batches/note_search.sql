-- The file names nobody who was erased.
update archive_batches set searched = :revision, claimed_until = null where id = :id and state = 'done' and searched < :revision
