-- The rows of a file, in the order of their keys.
select row_key, tx, arrived_at, source, external_id, email, phone, first_name, last_name, merged_into, deleted_at, unreadable,
       version_at, outbox_id
from analytics_contacts
where tx >= :from_tx and tx < :to_tx and arrived_at >= :from_at and arrived_at < :to_at
  and row_key >= :first_id and row_key <= :last_id
order by row_key
