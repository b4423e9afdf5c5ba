-- As payments.freeze.
with chosen as (
    select source, calendar_id, external_id, outbox_id from calendar_events
    where (coalesce(:vendor, :connection) is null or source = any ((select connections_of(:vendor, :connection))::text[]))
      and (:external_id is null or external_id = :external_id)
      and status <> 'unreadable'
      and (source, calendar_id, external_id) > (:after[1], :after[2], :after[3])
    order by source, calendar_id, external_id
    limit :limit
)
insert into job_items (job, place, target, key, version, state)
select :job, :taken + row_number() over (order by source, calendar_id, external_id), 'calendar_events',
       array[source, calendar_id, external_id], outbox_id, 'waiting'
from chosen
