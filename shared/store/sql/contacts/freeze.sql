-- As payments.freeze.
with chosen as (
    select source, external_id, outbox_id from contacts
    where (coalesce(:vendor, :connection) is null or source = any ((select connections_of(:vendor, :connection))::text[]))
      and (:external_id is null or external_id = :external_id)
      and not unreadable
      and (source, external_id) > (:after[1], :after[2])
    order by source, external_id
    limit :limit
)
insert into job_items (job, place, target, key, version, state)
select :job, :taken + row_number() over (order by source, external_id), 'contacts', array[source, external_id], outbox_id, 'waiting'
from chosen
