-- Rows of ours on the days that differed which the vendor's lists of those days did not show, and which nobody has
-- touched since $6: what is younger may not be visible there yet.
select p.external_id, p.amount, p.currency, p.occurred_at
from payments p
where p.source = $3 and p.kind = $4 and p.occurred_at <= $5 and p.version_at < $6 and p.raw_status <> 'vanished'
  and (p.occurred_at at time zone 'UTC')::date in (select day from reconciled_days where run_id = $1 and look = $2)
  and not exists (select from outbox o
                  where o.source = p.source and o.entity = p.kind and o.external_id = p.external_id
                    and o.version_key = $7)
  and p.external_id > $8
order by p.external_id
limit $9
