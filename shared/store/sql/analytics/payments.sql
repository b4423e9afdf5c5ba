-- The rows of a file, in the order of their keys.
select row_key, tx, arrived_at, source, kind, external_id, account, amount_minor, currency, status, raw_status, occurred_at,
       version_at, outbox_id
from analytics_payments
where tx >= :from_tx and tx < :to_tx and arrived_at >= :from_at and arrived_at < :to_at
  and row_key >= :first_id and row_key <= :last_id
order by row_key
