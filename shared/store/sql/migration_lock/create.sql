-- The row that a migrator holds while it migrates. Not an advisory lock: RDS Proxy pins on those.
create table if not exists migration_lock (one boolean primary key default true check (one));
insert into migration_lock default values on conflict do nothing
