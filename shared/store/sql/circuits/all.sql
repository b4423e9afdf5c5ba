-- All open circuits, with the vendors of their connections. A service that is no connection is its own vendor.
select coalesce(c.source, o.source) as vendor, o.source, o.failures, o.since, o.rests_until, o.why
from circuits o
left join connections c on c.name = o.source
order by o.source
