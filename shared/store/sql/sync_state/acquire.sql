-- Takes the lease if it is free. The new fence shuts out a function that still believes it holds
-- the old one. It returns no row where the lease is held,
-- nor while the pull is paused and not to be tried yet, or its connection rests.
insert into sync_state as s (source, entity, mode, lease_until, fence, updated_at)
select :source, :entity, :mode, :until, 1, :now
where not exists (select from circuits where source = :source and rests_until > :now)
on conflict (source, entity, mode) do update
set lease_until = excluded.lease_until, fence = s.fence + 1, updated_at = excluded.updated_at
where s.lease_until <= :now and (s.halted is null or coalesce(s.next_try_at <= :now, true))
returning fence, watermark, run_id, run_started, window_from, window_to, upper_bound, page_token,
          requested_at is not null as requested, requested_why, cursor, windows_complete,
          halted is not null as paused, refusals, wishes,
          exists (select from circuits where source = :source) as failed
