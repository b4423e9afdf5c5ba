-- The messages about a transaction, oldest first.
select id, attempts, created_at, next_action_at, delivered_at, dead_at, last_error
from notifications
where transaction_id = :id
order by revision
