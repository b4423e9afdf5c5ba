-- Links that are over, the oldest first.
delete from account_links
where id in (select id from account_links where expires_at < :before order by expires_at limit :limit)
