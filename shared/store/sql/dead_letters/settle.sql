-- The letters of rows that were replayed and are processed. A row that is gone from the outbox was processed before that.
with settled as (
    select d.id from dead_letters d
    where d.settled_at is null and d.replayed_at is not null and d.outbox_id is not null and d.id > :after
      and not exists (select from outbox o where o.id = d.outbox_id and o.status in ('pending', 'dead'))
    order by d.id
    limit :limit
    for update skip locked
)
update dead_letters d set settled_at = :now, tx = default from settled where d.id = settled.id
returning d.id
