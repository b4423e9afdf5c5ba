-- Looks through one chunk of the deals that count or are pending. A deal is unseen if the outbox
-- has received no version of it, neither from the run nor from anything else since `shown_since`.
-- It includes pending deals, because they would count once they are processed. It returns one row,
-- whose `last` is null at the table's end.
with standing as (
    select external_id from payments
    where source = :source and kind = 'deal' and external_id > :after and status <> 'canceled' and version_at < :shown_since
    order by external_id
    limit :limit
), waiting as (
    select distinct external_id from outbox
    where source = :source and entity = :entity and external_id > :after and status = 'pending' and received_at < :shown_since
    order by external_id
    limit :limit
), chunk as (
    select external_id from standing union select external_id from waiting
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
