-- The rows of a file, in the order of their keys.
select row_key, tx, arrived_at, source, entity, external_id, version_key, version_at, api_version, content_type, content_encoding,
       sender, query, run_id, payload
from analytics_outbox
where tx >= :from_tx and tx < :to_tx and arrived_at >= :from_at and arrived_at < :to_at
  and (:first_id::text is null or row_key >= :first_id) and (:last_id::text is null or row_key <= :last_id)
order by row_key
