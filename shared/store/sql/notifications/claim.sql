-- Claims an attempt, until :until. It returns no row if none is due.
update notifications
set next_action_at = :until, message_due_at = :until, attempts = attempts + 1
where id = :id and next_action_at <= :now
returning id, transaction_id, body, attempts, expires_at
