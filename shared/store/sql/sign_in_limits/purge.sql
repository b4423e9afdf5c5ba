-- Limits that nobody has met for long: those of a known address are kept longer than the others.
delete from sign_in_limits
where key in (
    select key from sign_in_limits
    where updated_at < :before and (kind <> 'known' or updated_at < :known_before)
    order by updated_at
    limit :limit
)
