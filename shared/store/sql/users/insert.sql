-- Returns no row if there is an account of that address.
insert into users (id, email, name, image, email_verified, role, password, created_at, updated_at)
values (:id, :email, :name, :image, :email_verified, :role, :password, :now, :now)
on conflict (email) do nothing
returning id
