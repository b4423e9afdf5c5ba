-- Writes leads. The body and what else the outbox row has are taken from there, not sent again.
insert into leads (id, state, conflicts_with, email, phone, name, company, content_type,
                   content_encoding, body, sender, query, received_at, outbox_id)
select i.id, i.state, i.conflicts_with, i.email, i.phone, i.name, i.company, o.content_type,
       o.content_encoding, o.payload, o.sender, o.query, o.received_at, o.id
from unnest($1, $2, $3, $4, $5, $6, $7, $8)
     as i (id, outbox_id, state, conflicts_with, email, phone, name, company)
join outbox o on o.id = i.outbox_id and o.id between $9 and $10
order by i.id
on conflict (id) do nothing
