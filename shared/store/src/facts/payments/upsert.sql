-- Upserts at most one version a key, gated on version. It returns the ties with versions of other
-- batches: what shares a time-stamp and says something else about the money.
with incoming as (
    select *
    from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         as i (source, kind, external_id, amount, currency, status, raw_status, occurred_at, account,
               version_at, native, version_rank, content_hash, outbox_id, raw_from, raw_length)
),
-- Versions with the same time-stamp that came in another batch. The outbox knows them: both rows were
-- committed before either ticket was sent.
twins as (
    select i.*, twin.waits
    from incoming i
    join outbox me on me.id = i.outbox_id and me.id between $20 and $21
    cross join lateral (
        select bool_and(o.status = 'pending') as waits
        from outbox o
        where o.source = i.source and o.entity = i.kind and o.external_id = i.external_id
          and o.version_at = i.version_at and o.id <> all ($18)
          -- What shares a time-stamp did not arrive before it.
          and o.id >= outbox_since(array_append($10, $17))
          -- Two refetches in one second saw the same. A change between them has an event of its own.
          and not (starts_with(o.version_key, 'look:') and starts_with(me.version_key, 'look:'))
    ) twin
    -- The key cannot read an object of a connected account again.
    where $19 and i.account is null and twin.waits is not null
),
-- What the table says of them. The lock makes it the version that the write below meets, whatever
-- other batches commit meanwhile. Where there is a twin, all rows of the batch are locked, in the
-- order in which they are written: to lock some before the others could be a deadlock.
held as materialized (
    select p.source, p.kind, p.external_id, p.amount, p.currency, p.status, p.raw_status, p.occurred_at, p.version_at
    from payments p
    join incoming i on (i.source, i.kind, i.external_id) = (p.source, p.kind, p.external_id)
    where exists (select from twins)
    order by p.source, p.kind, p.external_id
    for update of p
),
-- Writes in the order of the key, so that two writers lock shared rows in one order. The object is
-- cut out of the outbox row, so it is not sent a second time. A payload that is the object is copied as
-- it is compressed.
written as (
    insert into payments as p (source, kind, external_id, amount, currency, status, raw_status, occurred_at,
                               account, version_at, native, version_rank, content_hash, raw, outbox_id, updated_at)
    select i.source, i.kind, i.external_id, i.amount, i.currency, i.status, i.raw_status, i.occurred_at,
           i.account, i.version_at, i.native, i.version_rank, i.content_hash,
           case when i.raw_length = octet_length(o.payload) then o.payload
                else substring(o.payload from i.raw_from for i.raw_length) end, i.outbox_id, $17
    from incoming i
    join outbox o on o.id = i.outbox_id and o.id between $20 and $21
    where (select count(*) from held) >= 0 -- reads them before it writes
    order by i.source, i.kind, i.external_id
    on conflict (source, kind, external_id) do update
    set amount = excluded.amount, currency = excluded.currency, status = excluded.status,
        raw_status = excluded.raw_status, occurred_at = excluded.occurred_at, account = excluded.account,
        version_at = excluded.version_at,
        native = case when p.outbox_id = excluded.outbox_id and p.status <> 'unreadable' then p.native else excluded.native end,
        version_rank = case when p.outbox_id = excluded.outbox_id and p.status <> 'unreadable' then p.version_rank else excluded.version_rank end,
        content_hash = excluded.content_hash, raw = excluded.raw, outbox_id = excluded.outbox_id,
        updated_at = excluded.updated_at, tx = excluded.tx
    -- Older never wins. A list that shows the same again writes nothing. An event always moves the
    -- version on, or an older one that comes late could undo it.
    where (excluded.version_at, excluded.version_rank, excluded.amount, excluded.content_hash)
            > (p.version_at, p.version_rank, p.amount, p.content_hash)
      and not (p.outbox_id = excluded.outbox_id and excluded.status = 'unreadable')
      and (excluded.native
           or (excluded.amount, excluded.currency, excluded.status, excluded.raw_status, excluded.occurred_at,
               excluded.account, excluded.content_hash)
              is distinct from (p.amount, p.currency, p.status, p.raw_status, p.occurred_at,
                                p.account, p.content_hash))
      -- The row is replayed and can be read now, or is read again and says something else. One that cannot be read any
      -- more leaves what stands.
      or p.outbox_id = excluded.outbox_id and excluded.status <> 'unreadable'
         and (excluded.amount, excluded.currency, excluded.status, excluded.raw_status, excluded.occurred_at,
              excluded.account, excluded.content_hash)
             is distinct from (p.amount, p.currency, p.status, p.raw_status, p.occurred_at, p.account, p.content_hash)
    returning p.source, p.kind, p.external_id, p.xmax = 0 as is_new
)
-- A tie says something else than the version that the table held. Equal contents are no tie: a full
-- run shows what an incremental run has brought.
select t.source, t.kind as entity, t.external_id
from twins t
left join held h on (h.source, h.kind, h.external_id) = (t.source, t.kind, t.external_id)
left join written w on (w.source, w.kind, w.external_id) = (t.source, t.kind, t.external_id)
where case
      -- The first version has nothing to contradict. One that another batch has just inserted could
      -- not be compared.
      when h.version_at is null then w.is_new is not true
      when h.version_at > t.version_at then false
      -- The twin comes later, and is compared with this version then.
      when h.version_at < t.version_at and t.waits then false
      else (h.amount, h.currency, h.status, h.raw_status, h.occurred_at)
           is distinct from (t.amount, t.currency, t.status, t.raw_status, t.occurred_at)
      end
