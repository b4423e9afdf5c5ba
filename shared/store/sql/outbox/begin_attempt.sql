-- Committed before the work: if the process dies of a row, the count tells which one.
update outbox set attempts = attempts + 1
where id = any(:ids) and status = 'pending'
returning id
