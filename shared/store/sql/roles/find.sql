-- Roles by name, whether each may do more than log in, or may act for the owner of the tables, and its
-- settings. Postgres 15 and 16 do not know all limits.
select r.rolname::text as name,
       r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls
       or exists (select from pg_class c where c.oid = to_regclass('outbox') and pg_has_role(r.oid, c.relowner, 'usage'))
           as is_powerful,
       coalesce(r.rolconfig, '{}')::text[] as settings,
       current_setting('transaction_timeout', true) is not null as knows_all_limits
from pg_roles r
where r.rolname = any(:names)
