-- Lets an attempt at a password through, or says until when there is a pause. An attempt counts as wrong before it is tried,
-- so that of attempts at the same time one goes through. At a network address from which somebody has signed in to this
-- account, a counter of its own is used (:known): strangers keep no owner out.
with chosen as (
    select coalesce((select key from sign_in_limits where key = :known), :account) as key
),
granted as (
    insert into sign_in_limits as l (key, kind, failures, free_at, updated_at)
    select key, case when key = :known then 'known' else 'account' end, 1, :now + interval '1 second' * :first_pause_s, :now
    from chosen
    on conflict (key) do update
    set failures = case when l.updated_at < :forget_before then 1 else least(l.failures, 1000) + 1 end,
        free_at = case
            when l.updated_at < :forget_before then excluded.free_at
            else :now + interval '1 second' * least(:longest_pause_s, :first_pause_s * 2 ^ least(l.failures, 30))
        end,
        updated_at = excluded.updated_at
    where l.free_at <= :now
       -- No pause is so long: the clock that has set it is broken.
       or l.free_at > :now + interval '1 second' * (:longest_pause_s + 60)
    returning key
)
select exists (select from granted) as is_granted,
       (select l.free_at from sign_in_limits l join chosen c on c.key = l.key) as free_at
