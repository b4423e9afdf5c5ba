-- The attempts at one row that failed, the first first.
select failed_at, attempts, died, failure_class(error_kind) as error_class, error_kind, error_field, error from failed_attempts
where outbox_id = :outbox_id
order by failed_at
limit :limit
