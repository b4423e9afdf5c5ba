-- Sessions that are over, the oldest first.
delete from sessions
where id in (select id from sessions where expires_at < :before order by expires_at limit :limit)
