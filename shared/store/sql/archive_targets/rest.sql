-- The whole table waits for a person.
update archive_targets set rests_until = :until, error = :error where table_name = :table_name
