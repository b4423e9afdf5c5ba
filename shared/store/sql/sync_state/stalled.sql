-- Runs that are requested or unfinished, and quiet. Returning them counts as touching them, so that
-- the message that is sent now has time to arrive.
update sync_state set updated_at = :now
where (run_id is not null or requested_at is not null) and halted is null
  and lease_until <= :now and updated_at <= :quiet_since
returning source, entity, mode
