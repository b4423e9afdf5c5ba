-- The history of a transaction, oldest first.
select status, cause, reason, changed_at from transaction_changes where transaction_id = :id order by revision
