-- As payments.freeze. A body that came under a used key is no lead: its row made it under an id of its own.
with chosen as (
    select id, outbox_id from leads
    where (:external_id is null or id::text = :external_id) and id > :after[1]::uuid and state <> 'conflicting'
    order by id
    limit :limit
)
insert into job_items (job, place, target, key, version, state)
select :job, :taken + row_number() over (order by id), 'leads', array[id::text], outbox_id, 'waiting'
from chosen
