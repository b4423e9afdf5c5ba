-- The same key twice is one row: a deployment registers its keys each time.
insert into api_keys (id, name, scope, sha256, rate_per_second, created_at)
values (:id, :name, :scope, :sha256, :rate_per_second, :created_at)
on conflict (sha256) do nothing
