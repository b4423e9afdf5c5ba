-- Sets a password. It proves the address too if it was set by a link that came by mail.
update users
set password = :password, email_verified = email_verified or :proves_email, updated_at = :now
where id = :id
