-- Whether this database has our tables, as the role that asks sees it.
select to_regclass('outbox') is not null as is_migrated
