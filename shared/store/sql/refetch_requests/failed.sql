-- An object could not be read. It is not tried any more if its reads have failed since before
-- `:hoped_since`, or if no other answer can be expected. How old the request is says nothing: a key
-- that was refused for days has asked for nothing. The row keeps the reason until it is purged, or until the
-- object is requested again. Only the request that was known before the vendor was asked.
update refetch_requests
set last_error = :error, failing_since = coalesce(failing_since, :now),
    ended_at = case when :hopeless or failing_since <= :hoped_since then :now end
where source = :source and entity = :entity and external_id = :external_id and xmin::text = :version
returning ended_at is not null as ended
