-- Rows that wait until it is known whose they are. Their tickets are due at once.
update outbox set next_attempt_at = :now
where source = :source and status = 'pending' and error_kind = 'waiting' and next_attempt_at > :now
