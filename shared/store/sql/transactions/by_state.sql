-- The transactions of each state, at most :limit of each, by the index of the states.
select s.status, (
    select count(*)
    from (select from transactions t where t.status = s.status order by t.received_at desc, t.id desc limit :limit) rows
) as count
from unnest(:statuses::text[]) with ordinality as s (status, place)
order by s.place
