-- Objects that were claimed and not asked for: they are next again.
update refetch_requests set tries = 0, next_send_at = :now
where source = :source and entity = :entity and external_id = any(:external_ids)
