-- Writes invoices in the order of their key. Older never wins.
insert into invoices as v (source, external_id, customer, total, state, version_at, native, version_rank,
                           content_hash, raw, outbox_id, updated_at)
select i.source, i.external_id, i.customer, i.total, i.state, i.version_at, i.native, i.version_rank,
       i.content_hash, substring(o.payload from i.raw_from for i.raw_length), i.outbox_id, $13
from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
     as i (source, external_id, customer, total, state, version_at, native, version_rank, content_hash,
           outbox_id, raw_from, raw_length)
join outbox o on o.id = i.outbox_id and o.id between $14 and $15
order by i.source, i.external_id
on conflict (source, external_id) do update
set customer = excluded.customer, total = excluded.total, state = excluded.state,
    version_at = excluded.version_at, native = excluded.native, version_rank = excluded.version_rank,
    content_hash = excluded.content_hash, raw = excluded.raw, outbox_id = excluded.outbox_id,
    updated_at = excluded.updated_at
where (excluded.version_at, excluded.version_rank, excluded.content_hash)
        > (v.version_at, v.version_rank, v.content_hash)
