-- The owner is in: what was counted is forgotten, and the network address is known from now on.
with forgotten as (
    delete from sign_in_limits where key = :account
)
insert into sign_in_limits (key, kind, failures, free_at, updated_at)
values (:known, 'known', 0, :now, :now)
on conflict (key) do update
set failures = 0, free_at = excluded.free_at, updated_at = excluded.updated_at
