-- In the transaction that processes the rows. A row that is read again keeps its newest reason.
insert into not_ours as n (outbox_id, source, reason, noted_at)
select i.outbox_id, i.source, i.reason, :now
from unnest(:ids, :sources, :reasons) as i (outbox_id, source, reason)
order by i.outbox_id
on conflict (outbox_id) do update set reason = excluded.reason, noted_at = greatest(n.noted_at, excluded.noted_at)
