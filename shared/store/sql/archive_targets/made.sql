-- The table was made, and nothing was loaded into it yet. Nothing is wrong with it any more.
update archive_targets set made = made + 1, rests_until = null, error = null where table_name = :table_name
