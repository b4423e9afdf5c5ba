-- Takes the lease where it is free, with a new fence; no row where somebody holds it.
insert into sync_state as s (source, entity, mode, lease_until, fence, updated_at)
values ($1, $2, $3, $5, 1, $4)
on conflict (source, entity, mode) do update
set lease_until = excluded.lease_until, fence = s.fence + 1, updated_at = excluded.updated_at
where s.lease_until <= $4
returning fence, watermark, run_id, run_started, window_from, window_to, upper_bound, page_token, requested_at is not null as owed, requested_why, cursor, windows_complete
