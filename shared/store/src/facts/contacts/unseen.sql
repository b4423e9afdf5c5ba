-- Looks through one chunk of the contacts that are not deleted. Returns one row: the last id, null
-- at the end, and the ids of which nothing has arrived since the run ($3) began ($4), neither from
-- the run nor from anywhere else. Contacts that wait to be processed are left to the next full run:
-- some have been merged since, and a tombstone would forget into which contact.
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
