-- Messages that were sent again, or cannot be. A letter whose message was sent is settled: if it fails again, it gets another.
with outcome as (
    select * from unnest(:places, :letters, :reasons) as o (place, letter, reason)
),
letters as (
    update dead_letters d set replayed_at = :now, replay_count = replay_count + 1, settled_at = :now, tx = default
    from outcome o where d.id = o.letter and o.reason is null
)
update job_items i
set state = case when o.reason is null then 'done' else 'skipped' end, reason = o.reason, sent_at = :now
from outcome o
where i.job = :job and i.place = o.place
