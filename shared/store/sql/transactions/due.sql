-- Transactions whose messages are overdue. They get another one, and count as lost again at :next_due_at.
update transactions set message_due_at = :next_due_at
where id in (
    select id from transactions
    where message_due_at <= :now
    order by message_due_at
    limit :limit
    for update skip locked
)
returning id
