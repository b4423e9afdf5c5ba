-- Only the request that was known before the vendor was asked. One that was committed since is
-- another version of the row, whatever its time says, and stays: the object may have changed in
-- between.
delete from refetch_requests
where source = :source and entity = :entity and external_id = :external_id and xmin::text = :version
