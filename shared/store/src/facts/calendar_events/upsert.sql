-- Upserts at most one version a key, gated on version: an older one that comes late changes
-- nothing.
with incoming as (
    select *
    from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
         as i (source, calendar_id, external_id, status, summary, starts_at, ends_at, start_date, end_date,
               recurring_event_id, deleted_at, version_at, native, version_rank, content_hash, outbox_id,
               raw_from, raw_length)
)
-- Writes in the order of the key, so that two writers lock shared rows in one order. The object is
-- cut out of the outbox row, so it is not sent a second time.
insert into calendar_events as c (source, calendar_id, external_id, status, summary, starts_at, ends_at, start_date,
                                  end_date, all_day, recurring_event_id, deleted_at, version_at, native, version_rank,
                                  content_hash, raw, outbox_id, updated_at)
select i.source, i.calendar_id, i.external_id, i.status, i.summary, i.starts_at, i.ends_at, i.start_date,
       i.end_date, i.start_date is not null, i.recurring_event_id, i.deleted_at, i.version_at,
       i.native or not starts_with(o.version_key, 'run:'), i.version_rank, i.content_hash,
       case when i.raw_length = octet_length(o.payload) then o.payload
            else substring(o.payload from i.raw_from for i.raw_length) end, i.outbox_id, $19
from incoming i
join outbox o on o.id = i.outbox_id and o.id between $20 and $21
order by i.source, i.calendar_id, i.external_id
on conflict (source, calendar_id, external_id) do update
set status = excluded.status, summary = excluded.summary, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
    start_date = excluded.start_date, end_date = excluded.end_date, all_day = excluded.all_day,
    recurring_event_id = excluded.recurring_event_id, deleted_at = excluded.deleted_at,
    version_at = excluded.version_at,
    native = case when c.outbox_id = excluded.outbox_id and c.status <> 'unreadable' then c.native else excluded.native end,
    version_rank = case when c.outbox_id = excluded.outbox_id and c.status <> 'unreadable' then c.version_rank else excluded.version_rank end,
    content_hash = excluded.content_hash, raw = excluded.raw, outbox_id = excluded.outbox_id,
    updated_at = excluded.updated_at, tx = excluded.tx
-- Older never wins. A full run that sees the same again writes nothing. A change always moves the
-- version on, or an older one that comes late could undo it.
where (excluded.version_at, excluded.version_rank, excluded.content_hash)
        > (c.version_at, c.version_rank, c.content_hash)
  and not (c.outbox_id = excluded.outbox_id and excluded.status = 'unreadable')
  and (excluded.native
       or (excluded.status, excluded.summary, excluded.starts_at, excluded.ends_at, excluded.start_date,
           excluded.end_date, excluded.recurring_event_id, excluded.version_rank, excluded.content_hash)
          is distinct from (c.status, c.summary, c.starts_at, c.ends_at, c.start_date, c.end_date,
                            c.recurring_event_id, c.version_rank, c.content_hash))
  -- Another row shows the same version of an entry that could not be read: Google's lists do not move its time on.
  or c.status = 'unreadable' and excluded.status <> 'unreadable' and c.version_at = excluded.version_at
  -- The row is replayed and can be read now, or is read again and says something else. One that cannot be read any more
  -- leaves what stands.
  or c.outbox_id = excluded.outbox_id and excluded.status <> 'unreadable'
     and (excluded.status, excluded.summary, excluded.starts_at, excluded.ends_at, excluded.start_date,
          excluded.end_date, excluded.recurring_event_id, excluded.deleted_at, excluded.content_hash)
         is distinct from (c.status, c.summary, c.starts_at, c.ends_at, c.start_date, c.end_date,
                           c.recurring_event_id, c.deleted_at, c.content_hash)
