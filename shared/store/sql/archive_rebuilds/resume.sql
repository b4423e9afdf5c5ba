-- A person wants rebuilds tried again that are parked, and those that were given up planned now.
update archive_rebuilds set state = case state when 'parked' then 'staging' else state end, next_try_at = :now
where state in ('parked', 'given_up')
