-- Writes product events; the first of an id is kept. An event without a time of its own happened
-- when it was received. Writes in the order of the ids, so that two writers lock shared rows in one
-- order.
insert into events (event_id, user_id, session_id, type, payload, metadata, occurred_at, received_at, clock_skew, outbox_id)
select i.event_id, i.user_id, i.session_id, i.type, i.payload, i.metadata, coalesce(i.occurred_at, o.received_at),
       o.received_at,
       case when i.occurred_at > o.received_at + make_interval(secs => $9) then 'future'
            when i.occurred_at < o.received_at - make_interval(secs => $10) then 'past' end,
       o.id
from unnest($1, $2, $3, $4, $5, $6, $7, $8)
     as i (outbox_id, event_id, user_id, session_id, type, payload, metadata, occurred_at)
join outbox o on o.id = i.outbox_id
order by i.event_id
on conflict (event_id) do nothing
