-- Looks through one chunk of a calendar's entries that are not deleted, and of those that wait to
-- be processed: once processed, they would not be deleted either. Returns one row: the last id,
-- null at the end, and the ids of which nothing has arrived since the run ($3) began ($4), neither
-- from the run nor from anywhere else.
with standing as (
    select external_id from calendar_events
    where source = $1 and calendar_id = $7 and external_id > $5 and deleted_at is null and version_at < $4
    order by external_id
    limit $6
), waiting as (
    select distinct external_id from outbox
    where source = $1 and entity = $2 and external_id > $5 and status = 'pending' and received_at < $4
    order by external_id
    limit $6
), chunk as (
    select external_id from standing union select external_id from waiting
    order by external_id
    limit $6
)
select max(c.external_id) as last,
       coalesce(array_agg(c.external_id order by c.external_id) filter (where not exists (
           select from outbox o
           where o.source = $1 and o.entity = $2 and o.external_id = c.external_id
             and (o.run_id = $3 or o.received_at >= $4)
       )), '{}') as unseen
from chunk c
