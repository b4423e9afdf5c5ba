-- All keys of one owner at once, for the day on which one of them leaked.
update api_keys set revoked_at = :now where name = :name and revoked_at is null
