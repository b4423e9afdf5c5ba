-- Writes events whose id their sender had used before, each text once, unless it says what the
-- event says: the outbox may have forgotten that one's row, and have taken another for the first.
insert into conflicting_events (id, event_id, sender, query, content_type, body, received_at)
select o.id, i.event_id, coalesce(o.sender, ''), o.query, o.content_type, o.payload, o.received_at
from unnest($1, $2, $3, $4, $5, $6, $7, $8)
     as i (outbox_id, event_id, user_id, session_id, type, payload, metadata, occurred_at)
join outbox o on o.id = i.outbox_id and o.id between $9 and $10
where not exists (
    select from events e
    where e.event_id = i.event_id and e.sender = coalesce(o.sender, '')
      and (e.user_id, e.session_id, e.type, e.payload, e.metadata) is not distinct from
          (i.user_id, i.session_id, i.type, i.payload, i.metadata)
      and e.occurred_at = coalesce(i.occurred_at, e.received_at)
)
order by i.event_id, o.id
on conflict do nothing
