-- The attempts at one row that failed, the first first.
select failed_at, attempts, died, error_kind, error from failed_attempts
where outbox_id = :outbox_id
order by failed_at
limit :limit
