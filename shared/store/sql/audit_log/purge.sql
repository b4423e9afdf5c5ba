-- What is older than its retention, the oldest first.
delete from audit_log
where id in (select id from audit_log where happened_at < :before order by happened_at, seq limit :limit)
