-- The one statement that reads a password.
select id, email, name, image, email_verified, role, password, disabled_at, created_at, updated_at
from users
where email = :email
