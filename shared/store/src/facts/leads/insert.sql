-- Writes leads. The body and what else the outbox row has are taken from there, not sent again. A lead whose row is read
-- again gets the columns that this release reads; what people wrote about it stays.
insert into leads as l (id, state, conflicts_with, email, phone, name, company, first_name, last_name, country,
                        language, ip, domain, offer, source_type, marker, creative, click_id, description,
                        content_type, content_encoding, body, sender, query, received_at, outbox_id)
-- One a lead: a statement must not write a row twice.
select distinct on (i.id)
       i.id, i.state, i.conflicts_with, i.email, i.phone, i.name, i.company, i.first_name, i.last_name, i.country,
       i.language, i.ip, i.domain, i.offer, i.source_type, i.marker, i.creative, i.click_id, i.description,
       o.content_type, o.content_encoding, o.payload, o.sender, o.query, o.received_at, o.id
from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
     as i (id, outbox_id, state, conflicts_with, email, phone, name, company, first_name, last_name, country,
           language, ip, domain, offer, source_type, marker, creative, click_id, description)
join outbox o on o.id = i.outbox_id and o.id between $21 and $22
order by i.id, o.id
on conflict (id) do update
set email = excluded.email, phone = excluded.phone, name = excluded.name, company = excluded.company,
    first_name = excluded.first_name, last_name = excluded.last_name, country = excluded.country,
    language = excluded.language, ip = excluded.ip, domain = excluded.domain, offer = excluded.offer,
    source_type = excluded.source_type, marker = excluded.marker, creative = excluded.creative,
    click_id = excluded.click_id, description = excluded.description, revision = l.revision + 1, updated_at = $23,
    tx = excluded.tx
where l.outbox_id = excluded.outbox_id
  and (l.email, l.phone, l.name, l.company, l.first_name, l.last_name, l.country, l.language, l.ip, l.domain,
       l.offer, l.source_type, l.marker, l.creative, l.click_id, l.description)
      is distinct from
      (excluded.email, excluded.phone, excluded.name, excluded.company, excluded.first_name, excluded.last_name,
       excluded.country, excluded.language, excluded.ip, excluded.domain, excluded.offer, excluded.source_type,
       excluded.marker, excluded.creative, excluded.click_id, excluded.description)
