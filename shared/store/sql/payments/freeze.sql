-- The next payments whose versions a job reads again, in the order of their key, and beyond :after. One that cannot be read
-- is replayed instead.
with chosen as (
    select source, kind, external_id, outbox_id from payments
    where (coalesce(:vendor, :connection) is null or source = any ((select connections_of(:vendor, :connection))::text[]))
      and (:entity is null or kind = :entity)
      and (:external_id is null or external_id = :external_id)
      and (not :unmapped or status = 'unmapped')
      and status <> 'unreadable'
      and (source, kind, external_id) > (:after[1], :after[2], :after[3])
    order by source, kind, external_id
    limit :limit
)
insert into job_items (job, place, target, key, version, state)
select :job, :taken + row_number() over (order by source, kind, external_id), 'payments', array[source, kind, external_id], outbox_id, 'waiting'
from chosen
