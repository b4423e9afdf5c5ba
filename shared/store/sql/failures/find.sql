-- A row of the outbox by its id, or by that of its dead letter, or the letter of a message.
select o.id as outbox_id, d.id as letter_id, d.message_id,
       coalesce((select c.source from connections c where c.name = coalesce(o.source, d.source)), o.source, d.source) as vendor,
       coalesce(o.source, d.source) as source, coalesce(o.entity, d.entity) as entity,
       coalesce(o.external_id, d.external_id) as external_id, o.version_key, o.version_at, o.api_version,
       coalesce(o.payload, d.payload) as payload, o.content_type, o.content_encoding, o.sender, o.query,
       coalesce(o.run_id, d.run_id) as run_id, o.status, coalesce(o.attempts, d.attempts) as attempts, o.crashes::integer as crashes,
       failure_class(coalesce(o.error_kind, d.error_kind)) as error_class, coalesce(o.error_field, d.error_field) as error_field,
       coalesce(o.error_kind, d.error_kind) as error_kind, coalesce(o.last_error, d.error) as error,
       o.received_at, o.processed_at, o.next_attempt_at, d.created_at as died_at, d.replayed_at, d.replay_count
from (select :id::uuid as id) asked
left join dead_letters d on d.id = asked.id or d.outbox_id = asked.id
left join outbox o on o.id = coalesce(d.outbox_id, asked.id)
where o.id is not null or d.id is not null
limit 1
