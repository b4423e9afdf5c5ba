-- The triggers on payments note what that changes: the sums need no word of it.
update payments set status = :status, updated_at = :now
where status = 'unmapped' and source = :source and kind = :kind and raw_status = :raw_status
