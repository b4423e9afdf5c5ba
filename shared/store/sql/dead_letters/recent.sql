-- The connections that the newest dead letters between two instants are of, :limit letters at most.
select source, min(created_at) as since, count(*) as count
from (select coalesce(source, '') as source, created_at
      from dead_letters
      where created_at >= :since and created_at <= :until
      order by created_at desc, id desc
      limit :limit) newest
group by source
order by source
