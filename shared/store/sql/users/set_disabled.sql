-- From disabled_at on nobody signs in; null lets the user in again.
update users set disabled_at = :disabled_at, updated_at = :now where id = :id
