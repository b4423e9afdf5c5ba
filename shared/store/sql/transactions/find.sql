-- One transaction.
select id, sender, body, status, failure, knowledge, attempt, submissions, first_begun_at, last_begun_at, deadline, polls,
       reason, revision, next_action_at, received_at, updated_at, ended_at
from transactions
where id = :id
