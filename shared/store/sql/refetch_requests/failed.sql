-- An object could not be read. It is not tried any more if its request is older than `:wanted_since`,
-- or if no other answer can be expected. The row keeps the reason until it is purged, or until the
-- object is requested again. Only the request that was known before the vendor was asked.
update refetch_requests
set last_error = :error, ended_at = case when :hopeless or requested_at <= :wanted_since then :now end
where source = :source and entity = :entity and external_id = :external_id and xmin::text = :version
returning ended_at is not null as ended
