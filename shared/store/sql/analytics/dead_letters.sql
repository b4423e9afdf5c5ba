-- The rows of a file, in the order of their keys.
select row_key, tx, arrived_at, letter_id, source, entity, external_id, outbox_id, created_at, settled_at, error_kind, error_class,
       error_field, error, reason, attempts, run_id, message_id, payload
from analytics_dead_letters
where tx >= :from_tx and tx < :to_tx and arrived_at >= :from_at and arrived_at < :to_at
  and row_key >= :first_id and row_key <= :last_id
order by row_key
