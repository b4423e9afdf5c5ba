-- Reads a key, and takes a slice of what it may still do in its window. No row for a key that is unknown or
-- revoked, and then nothing is written.
with key as materialized (
    select id, name, scope, sha256, least(coalesce(rate_per_second, $3)::bigint * $4, 2147483647)::integer as allowed
    from api_keys
    where sha256 = $1 and revoked_at is null
),
-- Waits for whoever is taking, and then reads what that one left, not what our snapshot knew. A window that
-- begins later than ours was begun while we waited, or by a clock ahead of ours; by a broken one, if over a minute.
held as materialized (
    select w.granted, w.window_start, w.window_start between $2 and $2 + interval '1 minute' as is_current
    from rate_windows w join key k on k.id = w.key_id
    for update of w
),
open as materialized (
    select case when h.is_current then h.window_start else $2 end as window_start,
           case when h.is_current then h.granted else 0 end as granted
    from key k left join held h on true
),
-- An eighth of the rest, so that little is stranded where nobody comes for it.
slice as materialized (
    select k.id, o.window_start, o.granted, least($5, greatest(1, (k.allowed - o.granted) / 8)) as size
    from key k, open o
    where o.granted < k.allowed
),
taken as (
    insert into rate_windows as w (key_id, window_start, granted)
    select id, window_start, granted + size from slice
    on conflict (key_id) do update set window_start = excluded.window_start, granted = excluded.granted
    -- Else the row came after our snapshot, and what is in it was not reckoned with: to be asked again.
    where exists (select from held)
    returning w.key_id
)
select k.id, k.name, k.scope, k.sha256, o.window_start,
       coalesce(s.size, 0) as size, o.granted >= k.allowed as is_spent
from key k
cross join open o
left join taken t on t.key_id = k.id
left join slice s on s.id = t.key_id
