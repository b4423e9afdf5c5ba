-- The cursor that a full run came by, for the incremental pull, which may have no row yet.
insert into sync_state (source, entity, mode, watermark, cursor, lease_until, updated_at)
values (:source, :entity, :mode, :watermark, :cursor, '-infinity', :now)
on conflict (source, entity, mode) do update set watermark = excluded.watermark, cursor = excluded.cursor
