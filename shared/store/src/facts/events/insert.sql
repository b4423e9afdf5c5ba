-- Writes product events; of each sender the first of an id is kept. One that says something else
-- under the id is kept beside it, in `conflicting_events`: each row is in one of the two tables, or
-- says what an event there says. An event without a time of its own happened when it was received.
-- Writes in the order of the ids, so that two writers lock shared rows in one order.
with sent as (
    select i.*, o.received_at, coalesce(o.sender, '') as sender, o.query, o.content_type, o.payload as body
    from unnest($1, $2, $3, $4, $5, $6, $7, $8)
         as i (outbox_id, event_id, user_id, session_id, type, payload, metadata, occurred_at)
    join outbox o on o.id = i.outbox_id and o.id between $11 and $12
),
-- Events of releases before name no sender. Such a one and one that says the same are one event, of
-- whichever sender: it came before the sender's name was kept, and again after that.
known as (
    select s.outbox_id, e.sender = s.sender as is_senders,
           e.outbox_id = s.outbox_id
           or (e.user_id, e.session_id, e.type, e.payload, e.metadata) is not distinct from
              (s.user_id, s.session_id, s.type, s.payload, s.metadata)
              and e.occurred_at = coalesce(s.occurred_at, e.received_at) as is_same
    from sent s
    join events e on e.event_id = s.event_id and (e.sender in (s.sender, '') or s.sender = '')
),
-- The same within the batch, by the row that is inserted.
twins as (
    select s.outbox_id
    from sent s
    join sent t on t.event_id = s.event_id and t.outbox_id <> s.outbox_id
    where (t.sender = s.sender and t.outbox_id < s.outbox_id or s.sender = '' and t.sender <> '')
      and (t.user_id, t.session_id, t.type, t.payload, t.metadata, t.occurred_at) is not distinct from
          (s.user_id, s.session_id, s.type, s.payload, s.metadata, s.occurred_at)
),
new as (
    insert into events (event_id, sender, user_id, session_id, type, payload, metadata, occurred_at, received_at,
                        clock_skew, outbox_id)
    select s.event_id, s.sender, s.user_id, s.session_id, s.type, s.payload, s.metadata,
           coalesce(s.occurred_at, s.received_at), s.received_at,
           case when s.occurred_at > s.received_at + make_interval(secs => $9) then 'future'
                when s.occurred_at < s.received_at - make_interval(secs => $10) then 'past' end,
           s.outbox_id
    from sent s
    where not exists (select from known k where k.outbox_id = s.outbox_id and (k.is_senders or k.is_same))
      and not exists (select from twins t where t.outbox_id = s.outbox_id)
    order by s.event_id, s.sender, s.outbox_id
    on conflict (event_id, sender) do nothing
    returning outbox_id
)
insert into conflicting_events (id, event_id, sender, query, content_type, body, received_at)
select s.outbox_id, s.event_id, s.sender, s.query, s.content_type, s.body, s.received_at
from sent s
where not exists (select from new n where n.outbox_id = s.outbox_id)
  and not exists (select from known k where k.outbox_id = s.outbox_id and k.is_same)
  and not exists (select from twins t where t.outbox_id = s.outbox_id)
order by s.event_id, s.sender, s.outbox_id
on conflict do nothing
