-- Takes the attempt back where circumstances failed, not the row.
update outbox set attempts = attempts - 1
where id = any(:ids) and status = 'pending' and attempts > 0
