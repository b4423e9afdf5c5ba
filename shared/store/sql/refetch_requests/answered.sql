-- A request that came after the object was read stays: the object may have changed in between.
delete from refetch_requests
where source = :source and entity = :entity and external_id = :external_id and requested_at <= :read_at
