-- An erasure whose rows are still to be looked for.
insert into jobs (id, kind, filter, fingerprint, state, rate, asked_by, why, items, is_capped, planned_at)
values (:job, 'erase', :filter::text::jsonb, :fingerprint, 'searching', :rate, :asked_by, null, 0, false, :now)
