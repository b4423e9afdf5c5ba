-- When the database was last reached. Locked, so that of two checks one waits and then finds nothing new.
select checked_at, settles_until from digest_checks for update
