-- Connected accounts that are no connections, the one that was heard of last first.
select s.source, s.account, s.events, s.first_at, s.last_at
from strange_accounts s
where not exists (select from connections c where c.parent = s.source and c.account = s.account)
order by s.last_at desc, s.source, s.account
limit :limit
