-- A transaction comes in. It returns no row if there is one of this id.
insert into transactions (id, sender, body, body_sha256, deadline, next_action_at, message_due_at, received_at, updated_at)
values (:id, :sender, :body, :body_sha256, :deadline, :now, :message_due_at, :now, :now)
on conflict (id) do nothing
returning id
