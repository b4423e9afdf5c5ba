-- The object of a file that was replaced is gone.
update archive_batches set removed_at = :now where id = :id and state = 'replaced' and removed_at is null
