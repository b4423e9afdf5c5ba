-- Upserts at most one version a key, gated on version: an older one that comes late changes
-- nothing.
with incoming as (
    select *
    from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         as i (source, external_id, email, phone, first_name, last_name, merged_into, deleted_at, unreadable,
               version_at, native, version_rank, content_hash, outbox_id, raw_from, raw_length)
)
-- Writes in the order of the key, so that two writers lock shared rows in one order. The object is
-- cut out of the outbox row, so it is not sent a second time.
insert into contacts as c (source, external_id, email, phone, first_name, last_name, merged_into, deleted_at,
                           unreadable, version_at, native, version_rank, content_hash, raw, outbox_id, updated_at)
select i.source, i.external_id, i.email, i.phone, i.first_name, i.last_name, i.merged_into, i.deleted_at,
       i.unreadable, i.version_at, i.native or not starts_with(o.version_key, 'run:'), i.version_rank, i.content_hash,
       case when i.raw_length = octet_length(o.payload) then o.payload
            else substring(o.payload from i.raw_from for i.raw_length) end, i.outbox_id, $17
from incoming i
join outbox o on o.id = i.outbox_id and o.id between $18 and $19
order by i.source, i.external_id
on conflict (source, external_id) do update
set email = excluded.email, phone = excluded.phone, first_name = excluded.first_name, last_name = excluded.last_name,
    merged_into = excluded.merged_into, deleted_at = excluded.deleted_at, unreadable = excluded.unreadable,
    version_at = excluded.version_at,
    native = case when c.outbox_id = excluded.outbox_id and not c.unreadable then c.native else excluded.native end,
    version_rank = case when c.outbox_id = excluded.outbox_id and not c.unreadable then c.version_rank else excluded.version_rank end,
    content_hash = excluded.content_hash,
    raw = excluded.raw, outbox_id = excluded.outbox_id, updated_at = excluded.updated_at, tx = excluded.tx
-- Older never wins. A full run that sees the same again writes nothing. A change always moves the
-- version on, or an older one that comes late could undo it.
where (excluded.version_at, excluded.version_rank, excluded.content_hash)
        > (c.version_at, c.version_rank, c.content_hash)
  and not (c.outbox_id = excluded.outbox_id and excluded.unreadable)
  and (excluded.native
       or (excluded.email, excluded.phone, excluded.first_name, excluded.last_name, excluded.merged_into,
           excluded.version_rank, excluded.content_hash)
          is distinct from (c.email, c.phone, c.first_name, c.last_name, c.merged_into, c.version_rank, c.content_hash))
  -- The row is replayed and can be read now, or is read again and says something else. One that cannot be read any more
  -- leaves what stands.
  or c.outbox_id = excluded.outbox_id and not excluded.unreadable
     and (excluded.email, excluded.phone, excluded.first_name, excluded.last_name, excluded.merged_into,
          excluded.deleted_at, excluded.unreadable, excluded.content_hash)
         is distinct from (c.email, c.phone, c.first_name, c.last_name, c.merged_into, c.deleted_at, c.unreadable,
                           c.content_hash)
