-- The role of a user. Its sessions are ended beside it.
update users set role = :role, updated_at = :now where id = :id
