-- All links of an address that were not used.
delete from account_links where email = :email and used_at is null
