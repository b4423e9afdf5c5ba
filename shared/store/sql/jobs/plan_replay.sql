-- A planned job with its items: what matches now, the newest failures first. Later failures are none of its items.
with chosen as materialized (
    select f.id, f.outbox_id, f.failed_at, row_number() over (order by f.failed_at desc, f.id desc) as place
    from failures f
    where (coalesce(:vendor, :connection) is null or f.source = any ((select connections_of(:vendor, :connection))::text[]))
      and (:entity is null or f.entity = :entity)
      and (:error_kind is null or f.error_kind = :error_kind)
      and (:reason is null or position(lower(:reason) in lower(f.reason)) > 0)
      and (:external_id is null or f.external_id = :external_id)
      and (:since::timestamptz is null or f.failed_at >= :since)
      and (:until::timestamptz is null or f.failed_at < :until)
      and (:only::uuid[] is null or f.id = any(:only) or f.outbox_id = any(:only))
    order by f.failed_at desc, f.id desc
    limit :most + 1
),
job as (
    insert into jobs (id, kind, filter, fingerprint, state, rate, asked_by, why, items, is_capped, continue_at, planned_at)
    select :job, 'replay', :filter::text::jsonb, :fingerprint, 'planned', :rate, :asked_by, null, least(count(*), :most),
           count(*) > :most, case when count(*) > :most then to_jsonb(min(failed_at) filter (where place = :most)) #>> '{}' end, :now
    from chosen
    returning items, is_capped, continue_at
),
frozen as (
    insert into job_items (job, place, target, key, version, state)
    select :job, place, case when outbox_id is null then 'dead_letters' else 'outbox' end,
           array[coalesce(outbox_id, id)::text], outbox_id, 'waiting'
    from chosen
    where place <= :most
)
select items, is_capped, continue_at from job
