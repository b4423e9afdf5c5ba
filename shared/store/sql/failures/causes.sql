-- What has failed by cause, of the :most newest letters and of all rows that are tried in vain: an exact count of a large set
-- costs more than it tells. Most letters were never replayed, and have a reason of their own. They are counted by themselves:
-- of plain columns Postgres knows how few values there are, and 100,000 letters are counted without a sort.
with oldest as (
    -- Where the newest end: those of the same moment count too. Null if there are no more: then all are counted.
    select (select created_at from dead_letters where settled_at is null order by created_at desc, id desc offset :most limit 1) as at
),
letters as (
    select d.source, d.entity, d.error_kind, d.reason, count(*) as count, min(d.created_at) as first_at, max(d.created_at) as last_at
    from dead_letters d
    where d.settled_at is null and d.replayed_at is null and d.created_at >= coalesce((select at from oldest), '-infinity')
      and (coalesce(:vendor, :connection) is null or d.source = any ((select connections_of(:vendor, :connection))::text[]))
      and (:entity is null or d.entity = :entity)
      and (:error_kind is null or d.error_kind = :error_kind)
      and (:reason is null or d.reason is null or position(lower(:reason) in lower(d.reason)) > 0)
      and (:external_id is null or d.external_id = :external_id)
      and (:since::timestamptz is null or d.created_at >= :since)
      and (:until::timestamptz is null or d.created_at < :until)
    group by d.source, d.entity, d.error_kind, d.reason
),
others as (
    -- Letters of releases before, which have no reason of their own. They are read if there are any.
    select d.source, d.entity, d.error_kind, reason_of(d.error) as reason, d.external_id, d.created_at as failed_at
    from dead_letters d
    where (select bool_or(reason is null) from letters)
      and d.reason is null and d.settled_at is null and d.replayed_at is null
      and d.created_at >= coalesce((select at from oldest), '-infinity')
    union all
    -- Letters that were replayed, and whose row has not been processed since.
    select f.source, f.entity, f.error_kind, f.reason, f.external_id, f.failed_at
    from open_letters f
    where f.replayed_at is not null and f.failed_at >= coalesce((select at from oldest), '-infinity')
    union all
    select f.source, f.entity, f.error_kind, f.reason, f.external_id, f.failed_at from tried_in_vain f
),
counted as (
    select source, entity, error_kind, reason, count, first_at, last_at from letters where reason is not null
    union all
    select f.source, f.entity, f.error_kind, f.reason, count(*), min(f.failed_at), max(f.failed_at)
    from others f
    where (coalesce(:vendor, :connection) is null or f.source = any ((select connections_of(:vendor, :connection))::text[]))
      and (:entity is null or f.entity = :entity)
      and (:error_kind is null or f.error_kind = :error_kind)
      and (:reason is null or position(lower(:reason) in lower(f.reason)) > 0)
      and (:external_id is null or f.external_id = :external_id)
      and (:since::timestamptz is null or f.failed_at >= :since)
      and (:until::timestamptz is null or f.failed_at < :until)
    group by f.source, f.entity, f.error_kind, f.reason
),
causes as (
    select error_kind, reason, sum(count)::bigint as count, min(first_at) as first_at, max(last_at) as last_at,
           array_remove(array_agg(distinct source order by source), null) as sources,
           array_remove(array_agg(distinct entity order by entity), null) as entities
    from counted
    group by error_kind, reason
    order by max(last_at) desc, error_kind, reason
    limit :limit
)
select failure_class(c.error_kind) as error_class, c.error_kind, c.reason, c.count, c.first_at, c.last_at, c.sources, c.entities,
       newest.id as newest, (select at is not null from oldest) as is_capped
from causes c
cross join lateral (
    -- By the index of the time.
    select f.id from failures f
    where f.failed_at = c.last_at and f.error_kind = c.error_kind and f.reason = c.reason
      and (f.source is null or f.source = any (c.sources)) and (f.entity is null or f.entity = any (c.entities))
      and (:external_id is null or f.external_id = :external_id)
    order by f.id desc
    limit 1
) newest
order by c.last_at desc, c.error_kind, c.reason
