-- A key that is revoked keeps its row and the time: the list shows who could do what, and until
-- when.
update api_keys set revoked_at = :now where id = :id and revoked_at is null
