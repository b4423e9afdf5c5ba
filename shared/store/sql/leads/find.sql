-- One lead with its body as it came.
select id, state, conflicts_with, status, assigned_to, first_name, last_name, name, email, phone, company, country,
       language, ip, domain, offer, source_type, marker, creative, click_id, description, sender, content_type,
       received_at, content_encoding, query, body, revision
from leads
where id = :id
