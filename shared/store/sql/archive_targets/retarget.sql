-- Another project or dataset is named: nothing of the table is there.
update archive_targets set target = :target, rests_until = null, error = null where table_name = :table_name
