-- Requests that are older than their retention, the oldest first.
delete from reset_requests
where email in (select email from reset_requests where requested_at < :before order by requested_at limit :limit)
