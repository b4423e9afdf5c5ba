-- Makes connections of accounts whose events came to :parent. One that is a connection already, or was removed, stays as
-- it is. It returns the names of those that were made.
insert into connections (name, source, parent, account, state, made_at, changed_at)
select i.name, :source, :parent, i.account, 'active', :now, :now
from unnest(:names, :accounts) as i (name, account)
order by i.name
on conflict do nothing
returning name
