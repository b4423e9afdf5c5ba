-- Loads whose rows were in the partition and are in it no more, though their files count again soon: they are written once more
-- while the day is replaced.
update archive_loads
set state = 'due', attempt = attempt + 1, next_try_at = :now, loaded_at = null, rows = null
where table_name = :table_name and day = :day and rebuild = '00000000-0000-0000-0000-000000000000' and state = 'loaded'
