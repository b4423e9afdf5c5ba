-- The migrating role's settings for this database alone.
select current_user::text as role, current_database()::text as database, coalesce(s.setconfig, '{}')::text[] as settings
from pg_roles r
left join pg_db_role_setting s
    on s.setrole = r.oid and s.setdatabase = (select oid from pg_database where datname = current_database())
where r.rolname = current_user
