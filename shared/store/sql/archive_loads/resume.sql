-- A person wants parked loads tried again.
update archive_loads set state = 'due', attempt = attempt + 1, next_try_at = :now where state = 'parked'
