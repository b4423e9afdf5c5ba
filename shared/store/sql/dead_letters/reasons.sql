-- The newest dead letters between two instants by their very words, :limit letters at most: no exact count of a large set.
-- A range of dead_letters_newest.
select source, entity, error, count(*) as count
from (select coalesce(source, '') as source, coalesce(entity, '') as entity, error
      from dead_letters
      where created_at >= :since and created_at <= :until
      order by created_at desc, id desc
      limit :limit) newest
group by source, entity, error
order by count desc, source, entity, error
