-- For the session of a migration: none of the limits that a login or a database may have, and less than a second for
-- a lock. A server that does not know a limit has none.
select set_config(name, '0', false)
from pg_settings
where name in ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout');
set lock_timeout = '900ms'
