-- The account of an address.
select id from users where email = :email
