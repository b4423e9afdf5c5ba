-- A job without items yet.
insert into jobs (id, kind, filter, fingerprint, state, rate, asked_by, why, items, is_capped, planned_at)
values (:job, :kind, :filter::text::jsonb, :fingerprint, :state, :rate, :asked_by, null, 0, false, :now)
