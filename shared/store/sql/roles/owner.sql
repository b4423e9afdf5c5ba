-- Who owns the tables, and whether the migrating role is that role or one of its members; no row in an empty database.
select pg_get_userbyid(relowner)::text as name, current_user::text as migrator, relowner = current_user::regrole as is_self,
       pg_has_role(current_user, relowner, 'usage') as is_member
from pg_class
where oid = to_regclass('outbox')
