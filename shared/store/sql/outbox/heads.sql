-- Rows that are pending or dead, without their payloads, which may be what cannot be worked. The lock
-- keeps other workers from them. What is known of their accounts is not asked for.
select o.id, o.source, o.entity, o.external_id, o.version_at, ''::bytea as payload, o.content_type,
       o.content_encoding, null::text as query, o.received_at, o.attempts, o.run_id, null::boolean as livemode,
       null::text as currency,
       c.revision + coalesce(p.revision, 0) as stamp
from outbox o
left join connections c on c.name = o.source
left join connections p on p.name = c.parent
where o.id = any(:ids) and o.status <> 'processed'
order by o.id
for update of o
