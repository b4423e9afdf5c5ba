-- A person has looked at it.
update archive_targets set rests_until = null, error = null where error is not null
