-- The pulls of all connections that are paused, with their vendors.
select coalesce(c.source, s.source) as vendor, s.source, s.entity, s.mode,
       coalesce(s.paused_since, s.updated_at) as since, coalesce(s.next_try_at, s.updated_at) as next_try_at
from sync_state s
left join connections c on c.name = s.source
where s.halted is not null
order by s.source, s.entity, s.mode
