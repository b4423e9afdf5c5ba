-- The rows of a file, in the order of their keys.
select row_key, tx, arrived_at, lead_id, state, conflicts_with, email, phone, name, company, first_name, last_name, country,
       language, ip, domain, offer, source_type, marker, creative, click_id, description, status, assigned_to, revision, sender,
       query, content_type, content_encoding, payload, received_at, outbox_id
from analytics_leads
where tx >= :from_tx and tx < :to_tx and arrived_at >= :from_at and arrived_at < :to_at
  and row_key >= :first_id and row_key <= :last_id
order by row_key
