-- The account, locked until the transaction ends.
select id, email, name, image, email_verified, role, password, disabled_at, created_at, updated_at
from users
where id = :id
for update
