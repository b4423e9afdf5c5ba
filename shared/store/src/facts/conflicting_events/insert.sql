-- Writes events whose id their sender had used before. The body and what else the outbox row has
-- are taken from there, not sent again.
insert into conflicting_events (id, event_id, sender, content_type, body, received_at)
select o.id, i.event_id, coalesce(o.sender, ''), o.content_type, o.payload, o.received_at
from unnest($1, $2) as i (outbox_id, event_id)
join outbox o on o.id = i.outbox_id
order by o.id
on conflict (id) do nothing
