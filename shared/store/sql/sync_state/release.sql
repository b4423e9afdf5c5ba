-- Frees the lease and keeps the run. `updated_at` may lie ahead: relay asks for a run only once it
-- was quiet.
update sync_state set lease_until = :now, halted = :halted, updated_at = :quiet_until
where source = :source and entity = :entity and mode = :mode and fence = :fence
