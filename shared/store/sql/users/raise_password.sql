-- Hashes the same password by dearer parameters, unless it was changed meanwhile.
update users set password = :password where id = :id and password = :was
