-- The submissions of a transaction, oldest first.
select attempt, begun_at, ended_at, outcome from transaction_attempts where transaction_id = :id order by attempt
