-- A key that a person has made in the console.
insert into api_keys (id, name, scope, sha256, rate_per_second, made_by, created_at)
values (:id, :name, :scope, :sha256, :rate_per_second, :made_by, :created_at)
