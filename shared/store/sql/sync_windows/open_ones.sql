-- The windows that the run goes on with, in the order in which they were opened.
select number, window_from, window_to, page_token
from sync_windows
where source = :source and entity = :entity and mode = :mode and run_id = :run
order by number
