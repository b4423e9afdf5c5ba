-- The rows of a file, in the order of their keys. The key of a row is the text of its id, by which its leaf and its place are found.
select row_key, tx, arrived_at, source, entity, external_id, version_key, version_at, api_version, content_type, content_encoding,
       sender, query, run_id, payload
from analytics_outbox
where tx >= :from_tx and tx < :to_tx and arrived_at >= :from_at and arrived_at < :to_at
  and id >= :first_id::text::uuid and id <= :last_id::text::uuid
order by id
