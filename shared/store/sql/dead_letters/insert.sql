-- The dead letter of a queue message. SQS may deliver the message twice: its id makes the letter
-- unique.
insert into dead_letters (id, source, entity, payload, error, error_kind, attempts, message_id, created_at)
values (:id, :source, :entity, :payload, :error, :error_kind, :attempts, :message_id, :now)
on conflict (message_id) where message_id is not null do nothing
