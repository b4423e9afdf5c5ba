-- The dead letter of a queue message. SQS may deliver the message twice: its id makes the letter
-- unique. Whoever can make messages could fill the table with their bodies: after so many letters
-- with a body since `since`, a letter says why and has none.
with room as (
    select count(*) < :most_bodies as is_left
    from (select from dead_letters
          where created_at > :since and message_id is not null and length(payload) > 0
          limit :most_bodies) kept
)
insert into dead_letters (id, source, entity, payload, error, error_kind, reason, attempts, message_id, created_at)
select :id, :source, :entity, case when is_left then :payload else ''::bytea end,
       case when is_left then :error else :error || ' (its body was not kept: too many letters of messages in a day)' end,
       :error_kind, reason_of(:error), :attempts, :message_id, :now
from room
on conflict (message_id) where message_id is not null do nothing
