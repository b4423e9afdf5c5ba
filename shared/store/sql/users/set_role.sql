update users set role = :role, updated_at = :now where id = :id
