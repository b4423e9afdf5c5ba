-- Whether the daily digest of a day in a zone is planned, or was sent.
select exists (select from digests where kind = 'daily' and day = :day and zone = :zone) as is_planned
