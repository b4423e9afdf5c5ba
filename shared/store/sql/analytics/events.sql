-- The rows of a file, in the order of their keys.
select row_key, tx, arrived_at, event_id, sender, event_type, user_id, session_id, occurred_at, clock_skew, payload, metadata,
       outbox_id
from analytics_events
where tx >= :from_tx and tx < :to_tx and arrived_at >= :from_at and arrived_at < :to_at
  and row_key >= :first_id and row_key <= :last_id
order by row_key
