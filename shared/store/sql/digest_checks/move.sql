-- The database was reached now.
update digest_checks set checked_at = :now, settles_until = :settles_until
