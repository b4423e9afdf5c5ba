-- A person wants loads tried again that are parked, and those that wait tried now.
update archive_loads set state = 'due', attempt = attempt + 1, next_try_at = :now, was_rejected = false
where state = 'parked' or state = 'due' and next_try_at > :now
