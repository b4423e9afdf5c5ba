-- The table is not there any more, or is another: nothing of it is loaded. A load that runs keeps its id, unless its job is known
-- to be done.
update archive_loads
set state = 'due', attempt = attempt + 1, next_try_at = :now, loaded_at = null, rows = null, was_rejected = false
where table_name = :table_name and (state in ('loaded', 'parked') or state = 'running' and :is_done)
  and rebuild = '00000000-0000-0000-0000-000000000000'
