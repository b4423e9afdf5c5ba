-- The cause is gone, of one table or of all: nothing waits for a person.
update archive_targets set rests_until = null, error = null
where error is not null and (:table_name = '' or table_name = :table_name)
