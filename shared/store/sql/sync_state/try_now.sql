-- A person has mended the cause of a pause, and does not wait for the next try. A refusal that is
-- still under way is older than this.
update sync_state
set next_try_at = case when halted is null then next_try_at else :now end, wishes = wishes + 1
where source = :source and entity = :entity and mode = :mode
