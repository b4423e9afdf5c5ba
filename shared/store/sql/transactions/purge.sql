-- Transactions that ended before :before, with all that belongs to them. Messages that their clients may still get stay,
-- and what is in no file yet.
delete from transactions
where id in (
    select t.id from transactions t
    where t.ended_at < :before and t.tx < :archived
      and not exists (select from notifications n where n.transaction_id = t.id and n.next_action_at is not null)
    order by t.ended_at
    limit :limit
)
