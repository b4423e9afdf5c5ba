-- One range of the partial index payments_unmapped.
select source, kind, raw_status, count(*) as count, max(updated_at) as last_seen
from payments
where status = 'unmapped'
group by source, kind, raw_status
order by source, kind, raw_status
