-- The file could not be searched, and is claimed again from :again_at on, unless another call has claimed it meanwhile.
update archive_batches set claimed_until = :again_at, last_error = :error
where id = :id and state = 'done' and claimed_until = :until
