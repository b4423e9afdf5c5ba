-- The rows of a file, in the order of their keys.
select row_key, tx, arrived_at, source, calendar_id, external_id, status, summary, starts_at, ends_at, start_date, end_date,
       all_day, recurring_event_id, deleted_at, version_at, outbox_id
from analytics_calendar_events
where tx >= :from_tx and tx < :to_tx and arrived_at >= :from_at and arrived_at < :to_at
  and row_key >= :first_id and row_key <= :last_id
order by row_key
