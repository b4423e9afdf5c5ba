-- As the dead letters, which are kept as long.
delete from failed_attempts
where (outbox_id, failed_at) in (select outbox_id, failed_at from failed_attempts where failed_at < :before order by failed_at limit :limit)
