-- All accounts that can be signed in to as an admin, locked in one order: two admins who take each other's role away wait.
select id from users where role = 'admin' and disabled_at is null order by id for update
