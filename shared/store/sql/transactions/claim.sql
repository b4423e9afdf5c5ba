-- Claims the next step, until :until: whoever else comes in that time finds nothing to do. It returns no row if no step
-- is due.
update transactions
set next_action_at = :until, message_due_at = :until, revision = revision + 1
where id = :id and next_action_at <= :now
returning id, sender, body, status, failure, knowledge, attempt, submissions, first_begun_at, last_begun_at, deadline, polls,
       reason, revision, next_action_at, received_at, updated_at, ended_at
