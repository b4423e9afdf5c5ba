-- One range of the partial index payments_unmapped.
select coalesce((select c.source from connections c where c.name = p.source), p.source) as vendor, p.*
from (
    select source, kind, raw_status, count(*) as count, max(updated_at) as last_seen
    from payments
    where status = 'unmapped'
      and (coalesce(:vendor, :connection) is null or source = any ((select connections_of(:vendor, :connection))::text[]))
    group by source, kind, raw_status
) p
order by p.source, p.kind, p.raw_status
