-- Of versions that are known, the rows that are not processed yet. Whoever stored them may have died,
-- or given up, before it sent their tickets.
select o.id
from unnest(:entities, :external_ids, :version_keys) as k (entity, external_id, version_key)
join outbox o on o.source = :source and o.entity = k.entity and o.external_id = k.external_id
             and o.version_key = k.version_key
where o.status = 'pending'
  -- Only the leaves in which a twin can be are looked into, as at the insert.
  and o.id >= outbox_twins_since(:source, :version_keys, :version_ats, :received_at)
