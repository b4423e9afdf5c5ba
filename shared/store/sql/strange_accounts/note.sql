-- Counts events of connected accounts that are no connections, in the order of the key.
insert into strange_accounts as s (source, account, events, first_at, last_at)
select i.source, i.account, i.events, :now, :now
from unnest(:sources, :accounts, :events) as i (source, account, events)
where not exists (select from connections c where c.parent = i.source and c.account = i.account)
order by i.source, i.account
on conflict (source, account) do update
set events = s.events + excluded.events, last_at = greatest(s.last_at, excluded.last_at)
