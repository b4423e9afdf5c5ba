update users set disabled_at = :disabled_at, updated_at = :now where id = :id
