-- All relations of the role that owns the tables, as commands name them. Leaves are none: nobody has a grant on one.
select string_agg(c.oid::regclass::text, ', ' order by c.oid) as names
from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
  and c.relowner = (select relowner from pg_class where oid = 'outbox'::regclass)
