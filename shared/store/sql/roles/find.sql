-- Roles by name, and whether each may do more than log in, or may act for the owner of the tables.
select r.rolname::text as name,
       r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls
       or exists (select from pg_class c where c.oid = to_regclass('outbox') and pg_has_role(r.oid, c.relowner, 'usage'))
           as is_powerful
from pg_roles r
where r.rolname = any(:names)
