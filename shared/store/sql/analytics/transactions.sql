-- The rows of a file, in the order of their keys.
select row_key, tx, arrived_at, transaction_id, sender, status, failure, knowledge, attempt, submissions, polls, reason, revision,
       deadline, received_at, ended_at, payload
from analytics_transactions
where tx >= :from_tx and tx < :to_tx and arrived_at >= :from_at and arrived_at < :to_at
  and row_key >= :first_id and row_key <= :last_id
order by row_key
