-- Every channel of the source that was not closed, the one that lasts longest first: it is kept,
-- the others are closed.
select channel_id, resource_id, expires_at, scope, address
from push_channels
where source = :source
order by expires_at desc, channel_id desc
