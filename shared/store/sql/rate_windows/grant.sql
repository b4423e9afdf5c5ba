-- Reads an API key and grants a slice of the requests that it may still make in its window. One
-- statement, so that a request costs one round trip. It returns no row for a key that is unknown or
-- revoked, and then writes nothing.
--
-- Senders without a key are one sender, whose hash is zeros. They share one rate and one window.
with key as materialized (
    select id, name, scope, sha256,
           least(coalesce(rate_per_second, :default_rate)::bigint * :window_seconds, 2147483647)::integer as allowed
    from api_keys
    where sha256 = :sha256 and revoked_at is null
    union all
    select '00000000-0000-0000-0000-000000000000', 'senders without a key', 'ingest', :sha256,
           least(:keyless_rate::bigint * :window_seconds, 2147483647)::integer
    where :sha256 = decode(repeat('00', 32), 'hex')
),
-- Waits for a concurrent grant and then reads what it left, not what our snapshot knew. A window
-- that begins later than ours was begun while we waited, or by a clock ahead of ours. Over a minute
-- ahead, that clock is broken.
held as materialized (
    select w.granted, w.window_start,
           w.window_start between :window_start and :window_start + interval '1 minute' as is_current
    from rate_windows w join key k on k.id = w.key_id
    for update of w
),
-- A long request counts several times. What it owes beyond the slice that it came in is paid first.
open as materialized (
    select case when h.is_current then h.window_start else :window_start end as window_start,
           case when h.is_current then h.granted else 0 end as granted,
           least(case when h.is_current then h.granted else 0 end::bigint + :owed, 2147483647)::integer as paid
    from key k left join held h on true
),
-- An eighth of the rest: little is lost in an environment that gets no further request.
slice as materialized (
    select k.id, o.window_start, o.paid,
           case when o.paid < k.allowed then least(:largest_slice, greatest(1, (k.allowed - o.paid) / 8)) else 0 end as size
    from key k, open o
    where o.granted < k.allowed
),
taken as (
    insert into rate_windows as w (key_id, window_start, granted)
    select id, window_start, least(paid::bigint + size, 2147483647)::integer from slice
    on conflict (key_id) do update set window_start = excluded.window_start, granted = excluded.granted
    -- Without a held row, the existing one came after our snapshot and was not counted: the caller
    -- asks again.
    where exists (select from held)
    returning w.key_id
)
select k.id, k.name, k.scope, k.sha256, o.window_start,
       coalesce(s.size, 0) as size, o.paid >= k.allowed as is_spent
from key k
cross join open o
left join taken t on t.key_id = k.id
left join slice s on s.id = t.key_id
