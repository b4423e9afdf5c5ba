-- Deletes up to :limit leads of the person whom a smoke test makes up for a connection, with their rows in the outbox.
-- Nobody else has such an address: the domain is reserved (RFC 2606). The index on the address finds them.
with gone as materialized (
    select id, outbox_id from leads
    where lower(email) = lower(:source || '@smoke.invalid')
    limit :limit
),
sent as (
    delete from outbox o using gone where o.id = gone.outbox_id
),
deleted as (
    delete from leads l using gone where l.id = gone.id
    returning 1
)
select (select count(*) from deleted) as rows, '{}'::text[] as last, (select count(*) from gone) >= :limit as more
