-- Deletes up to :limit dead letters from before :before, with the dead rows that they are about. The letter of an object
-- that is still unreadable stays, because it alone says why. So does one that is in no
-- file yet, or whose row is in none.
with old as (
    select d.id, d.outbox_id
    from dead_letters d
    where d.created_at < :before and d.tx < :archived
      and not exists (select from outbox o where o.id = d.outbox_id and o.tx >= :outbox_archived)
      and not exists (select from payments p
                      where p.source = d.source and p.kind = d.entity and p.external_id = d.external_id
                        and p.outbox_id = d.outbox_id and p.status = 'unreadable')
      and not exists (select from contacts c
                      where c.source = d.source and c.external_id = d.external_id
                        and c.outbox_id = d.outbox_id and c.unreadable)
      and not exists (select from calendar_events e
                      where e.source = d.source and e.external_id = d.external_id
                        and e.outbox_id = d.outbox_id and e.status = 'unreadable')
    order by d.created_at
    limit :limit
),
dead as (
    delete from outbox o using old where o.id = old.outbox_id and o.status = 'dead'
)
delete from dead_letters d using old where d.id = old.id
