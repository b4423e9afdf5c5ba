-- A process is known to have died while it worked on this row alone. A row that another connection
-- holds is skipped, not waited for: its death is counted later. It may be the dead process's own.
with free as (
    select id from outbox
    where id = :id and status = 'pending'
    for update skip locked
),
counted as (
    update outbox o set crashes = o.crashes + 1
    from free
    where o.id = free.id and o.id = :id
)
select exists (select from outbox where id = :id and status = 'pending')
   and not exists (select from free) as held
