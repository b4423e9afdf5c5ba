-- The words against the final state of a transaction.
select said, cause, status, times, first_at, last_at from transaction_conflicts where transaction_id = :id order by first_at, said
