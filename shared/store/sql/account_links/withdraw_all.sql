delete from account_links where email = :email and used_at is null
