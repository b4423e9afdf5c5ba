-- The table was found gone. Nothing is changed if somebody has noticed, or has made it, since :made was read.
update archive_targets set made = made + 1 where table_name = :table_name and made = :made
