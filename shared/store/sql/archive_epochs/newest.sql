-- The newest life of the database, and whether this cluster is the one that it began on, as far as the server tells. It returns
-- no row before the first.
select e.epoch, s.own in (0, e.system_identifier) or e.system_identifier = 0 as is_this_cluster, e.bucket, e.why, e.began_at
from archive_epochs e, archive_system_identifier() as s (own)
order by e.epoch desc
limit 1
