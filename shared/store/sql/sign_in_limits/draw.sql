-- Takes a call out of a bucket, or says when there is one again. `free_at` is when the bucket will be full: each call moves
-- it on by the share of a call, and none moves it further ahead than the time of the whole.
with granted as (
    insert into sign_in_limits as l (key, kind, failures, free_at, updated_at)
    values (:key, 'address', 0, :now + interval '1 millisecond' * :spacing_ms, :now)
    on conflict (key) do update
    set free_at = case
            when l.free_at > :now + interval '1 millisecond' * (:whole_ms + 60000) then excluded.free_at
            else greatest(l.free_at, :now) + interval '1 millisecond' * :spacing_ms
        end,
        updated_at = excluded.updated_at
    where l.free_at <= :now + interval '1 millisecond' * (:whole_ms - :spacing_ms)
       -- No bucket is so empty: the clock that has set it is broken.
       or l.free_at > :now + interval '1 millisecond' * (:whole_ms + 60000)
    returning key
)
select exists (select from granted) as is_granted,
       (select free_at - interval '1 millisecond' * (:whole_ms - :spacing_ms) from sign_in_limits where key = :key) as free_at
