-- One chunk of contacts that stand, and which of them nothing has shown since the run ($3) began ($4): neither the run
-- nor a change that came meanwhile. What still waits to be processed is left to the next full run: among it are versions of
-- contacts that were merged since, and their tombstone would forget into whom. The answer is one row; its first column is null
-- where nothing is left.
with chunk as (
    select external_id from contacts
    where source = $1 and external_id > $5 and deleted_at is null and version_at < $4
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
