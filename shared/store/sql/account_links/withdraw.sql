-- A newer link of the same kind replaces those that were not used.
delete from account_links where email = :email and kind = :kind and used_at is null
