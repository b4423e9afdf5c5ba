-- Grants one call in the window that begins at :window_start. It returns no row if all calls of the window are granted, or
-- if a clock that is ahead has begun a later one.
insert into call_windows as w (service, window_start, granted)
values (:service, :window_start, 1)
on conflict (service) do update
set window_start = excluded.window_start,
    granted = case when w.window_start = excluded.window_start then w.granted + 1 else 1 end
where w.window_start < excluded.window_start
   or (w.window_start = excluded.window_start and w.granted < :allowed)
   -- That clock is broken.
   or w.window_start > excluded.window_start + interval '1 minute'
returning granted
