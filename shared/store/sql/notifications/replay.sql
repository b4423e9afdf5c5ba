-- A person has dead messages about a transaction sent again, until :expires_at.
update notifications
set dead_at = null, attempts = 0, expires_at = :expires_at, next_action_at = :now, message_due_at = :message_due_at, last_error = null
where transaction_id = :id and dead_at is not null
returning id
