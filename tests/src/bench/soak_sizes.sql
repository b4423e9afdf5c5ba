-- The bytes of all tables with their indexes and TOAST, by what they are for.
with sizes as (
    select relname, pg_total_relation_size(oid)::float8 as bytes
    from pg_class
    where relkind = 'r' and relnamespace = 'public'::regnamespace
)
select coalesce(sum(bytes) filter (where relname ~ '^outbox'), 0) as outbox,
       coalesce(sum(bytes) filter (where relname = 'revenue_deltas'), 0) as deltas,
       coalesce(sum(bytes) filter (where relname = 'payments'), 0) as payments,
       coalesce(sum(bytes) filter (where relname !~ '^outbox' and relname not in ('revenue_deltas', 'payments')), 0)
           as rest
from sizes
