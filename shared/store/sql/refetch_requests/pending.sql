-- A message that comes twice reads nothing: only objects that are still requested are read.
select external_id from refetch_requests
where source = :source and entity = :entity and external_id = any(:external_ids)
