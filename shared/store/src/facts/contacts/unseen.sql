-- Looks through one chunk of the contacts that are not deleted. A contact is unseen if the outbox
-- has received no version of it, neither from the run nor from anything else since `shown_since`.
-- Contacts with pending versions are left to the next full run: among these are versions of
-- contacts that were merged since, and a tombstone would forget into which one. It returns one row,
-- whose `last` is null at the table's end.
with chunk as (
    select external_id from contacts
    where source = :source and external_id > :after and deleted_at is null and version_at < :shown_since
    order by external_id
    limit :limit
)
select max(c.external_id) as last, count(*) as accounted,
       coalesce(array_agg(c.external_id order by c.external_id) filter (where not exists (
           select from outbox o
           where o.source = :source and o.entity = :entity and o.external_id = c.external_id
             and o.id >= outbox_since(array[:shown_since])
             and (o.run_id = :run or o.received_at >= :shown_since)
       )), '{}') as unseen
from chunk c
