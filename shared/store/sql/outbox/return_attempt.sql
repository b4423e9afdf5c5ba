-- Takes the attempt back where circumstances failed, not the row. It returns the rows that were free,
-- pending or not: the others are still held by a connection that was given up.
with free as (
    select id from outbox
    where id = any(:ids)
    for update skip locked
),
returned as (
    update outbox o set attempts = o.attempts - 1
    from free
    where o.id = free.id and o.id = any(:ids) and o.status = 'pending' and o.attempts > 0
)
select id from free
