-- The outcome of an attempt. Whoever claimed a later one has the say.
update notifications
set delivered_at = case when :is_delivered then :now end,
    dead_at = case when :is_dead then :now end,
    next_action_at = :next_action_at, message_due_at = :message_due_at, last_error = :error
where id = :id and attempts = :attempts and next_action_at is not null
