-- Opens a window of the run under way, if the fence is still ours.
insert into sync_windows (source, entity, mode, run_id, number, window_from, window_to, page_token)
select source, entity, mode, run_id, :number, :window_from, :window_to, :page_token
from sync_state
where source = :source and entity = :entity and mode = :mode and fence = :fence
