select to_regclass('outbox') is not null as is_migrated
