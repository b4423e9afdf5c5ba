-- The newest first. Each half is read along an index of its own, and no further than the page.
select f.id, f.outbox_id, f.message_id, f.run_id, coalesce((select c.source from connections c where c.name = f.source), f.source) as vendor,
       f.source, f.entity, f.external_id, f.error_class, f.error_kind, f.error_field, f.error, f.reason, f.attempts, f.failed_at, f.replayed_at, f.replay_count,
       (select o.status from outbox o where o.id = f.outbox_id) as status
from (
    (select id, outbox_id, message_id, run_id, source, entity, external_id, error_class, error_kind, error_field, error, reason, attempts,
            failed_at, replayed_at, replay_count
     from open_letters f
     where (:failed_at::timestamptz is null or (f.failed_at, f.id) < (:failed_at, :id))
       and (coalesce(:vendor, :connection) is null or f.source = any ((select connections_of(:vendor, :connection))::text[]))
       and (:entity is null or f.entity = :entity)
       and (:error_kind is null or f.error_kind = :error_kind)
       and (:reason is null or position(lower(:reason) in lower(f.reason)) > 0)
       and (:external_id is null or f.external_id = :external_id)
       and (:since::timestamptz is null or f.failed_at >= :since)
       and (:until::timestamptz is null or f.failed_at < :until)
     order by f.failed_at desc, f.id desc
     limit :limit::bigint + :skip::bigint)
    union all
    (select id, outbox_id, message_id, run_id, source, entity, external_id, error_class, error_kind, error_field, error, reason, attempts,
            failed_at, replayed_at, replay_count
     from tried_in_vain f
     where (:failed_at::timestamptz is null or (f.failed_at, f.id) < (:failed_at, :id))
       and (coalesce(:vendor, :connection) is null or f.source = any ((select connections_of(:vendor, :connection))::text[]))
       and (:entity is null or f.entity = :entity)
       and (:error_kind is null or f.error_kind = :error_kind)
       and (:reason is null or position(lower(:reason) in lower(f.reason)) > 0)
       and (:external_id is null or f.external_id = :external_id)
       and (:since::timestamptz is null or f.failed_at >= :since)
       and (:until::timestamptz is null or f.failed_at < :until)
     order by f.failed_at desc, f.id desc
     limit :limit::bigint + :skip::bigint)
) f
order by f.failed_at desc, f.id desc
limit :limit offset :skip
