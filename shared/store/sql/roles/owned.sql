-- The relations and functions of the schema that the migrating role owns itself, as commands name them.
select case c.relkind when 'v' then 'view ' else 'table ' end || c.oid::regclass::text as name
from pg_class c
where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p', 'v')
  and c.relowner = current_user::regrole
union all
select 'function ' || p.oid::regprocedure::text
from pg_proc p
where p.pronamespace = current_schema()::regnamespace and p.proowner = current_user::regrole
order by 1
