-- A person wants parked rebuilds tried again.
update archive_rebuilds set state = 'staging', next_try_at = :now where state = 'parked'
