-- The table was made, and nothing was loaded into it yet.
update archive_targets set made = made + 1 where table_name = :table_name
