-- Payments on the days that differed which the vendor has not shown, neither in its lists of those
-- days nor by their ids. Only those that were not touched since `older_than`: the vendor's list may
-- not show younger ones yet.
select p.external_id, p.amount, p.currency, p.occurred_at
from payments p
where p.source = :source and p.kind = :kind and p.external_id > :after and p.occurred_at <= :upper_bound and p.version_at < :older_than
  and p.raw_status <> 'vanished' and p.status <> 'unreadable'
  -- The lists show no object of a connected account.
  and p.account is null
  and (p.occurred_at at time zone 'UTC')::date in (
          select day from reconciled_days where run_id = :run and look = :look)
  and not exists (select from outbox o
                  where o.source = p.source and o.entity = p.kind and o.external_id = p.external_id
                    and o.version_key in (:shown_as, :gone_as)
                    and o.id >= outbox_since(array[:answered_since]))
order by p.external_id
limit :limit
