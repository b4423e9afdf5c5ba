-- The second step reads all rows, and nobody waits for it: the lock lets others read and write.
alter table outbox validate constraint outbox_before_bound;
