-- Compare-and-set: what has happened to a transaction is applied if it is as it was read. Its history, the submission that
-- began or ended with it, and the message to the client are of the same statement. It returns no row if somebody was faster.
with moved as (
    update transactions
    set status = :status, failure = :failure, knowledge = :knowledge, attempt = :attempt, submissions = :submissions,
        first_begun_at = :first_begun_at, last_begun_at = :last_begun_at, deadline = :deadline, polls = :polls,
        reason = :reason, next_action_at = :next_action_at, message_due_at = :message_due_at, updated_at = :now,
        ended_at = case when :is_final then coalesce(ended_at, :now) end, revision = revision + 1,
        tx = pg_current_xact_id()::text::bigint
    where id = :id and revision = :revision
    returning id, revision
),
changed as (
    insert into transaction_changes (transaction_id, revision, status, cause, reason, changed_at)
    select id, revision, :status, :cause, :reason, :now from moved where :is_changed
),
begun as (
    insert into transaction_attempts (transaction_id, attempt, begun_at)
    select id, :attempt, :now from moved where :is_begun
),
ended as (
    update transaction_attempts a set ended_at = :now, outcome = :outcome
    from moved m
    where a.transaction_id = m.id and a.attempt = :ended_attempt and a.ended_at is null
),
told as (
    insert into notifications (id, transaction_id, revision, body, next_action_at, message_due_at, created_at, expires_at)
    select :notification, id, revision, :notification_body, :now, :notification_due_at, :now, :notification_expires_at
    from moved where :notification is not null
)
select revision from moved
