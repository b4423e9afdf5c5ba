-- The oldest row of each table that retention would delete if it were in a file. Few rows are looked at: those before it are
-- deleted.
(select 'outbox' as table_name, outbox_time_of(id) as since from outbox
 where id < :outbox_before and status = 'processed' and tx >= :outbox_to
 order by id limit 1)
union all
(select 'events', received_at from events where received_at < :events_before and tx >= :events_to order by received_at limit 1)
union all
(select 'leads', received_at from leads where received_at < :leads_before and tx >= :leads_to
 order by received_at, id limit 1)
union all
(select 'transactions', ended_at from transactions
 where ended_at < :transactions_before and tx >= :transactions_to order by ended_at limit 1)
union all
(select 'dead_letters', created_at from dead_letters
 where created_at < :letters_before and tx >= :letters_to order by created_at, id limit 1)
