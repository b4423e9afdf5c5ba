-- Writes leads. The body and what else the outbox row has are taken from there, not sent again.
insert into leads (id, state, conflicts_with, email, phone, name, company, first_name, last_name, country,
                   language, ip, domain, offer, source_type, marker, creative, click_id, description,
                   content_type, content_encoding, body, sender, query, received_at, outbox_id)
select i.id, i.state, i.conflicts_with, i.email, i.phone, i.name, i.company, i.first_name, i.last_name, i.country,
       i.language, i.ip, i.domain, i.offer, i.source_type, i.marker, i.creative, i.click_id, i.description,
       o.content_type, o.content_encoding, o.payload, o.sender, o.query, o.received_at, o.id
from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
     as i (id, outbox_id, state, conflicts_with, email, phone, name, company, first_name, last_name, country,
           language, ip, domain, offer, source_type, marker, creative, click_id, description)
join outbox o on o.id = i.outbox_id and o.id between $21 and $22
order by i.id
on conflict (id) do nothing
