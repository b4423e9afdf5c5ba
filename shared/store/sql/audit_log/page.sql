-- A page of the trail, newest first. A filter that is null is none. The statement is planned with its values each time, so
-- that each filter uses its own index.
select id, happened_at, actor_kind, actor_id, actor, action, object, count, why, detail, request_id, address
from audit_log
where (:actor::text is null or actor = :actor)
  and (:action::text is null or action = :action)
  and (:object::text is null or object = :object)
  and (:from::timestamptz is null or happened_at >= :from)
  and (:until::timestamptz is null or happened_at < :until)
  and (:before::timestamptz is null or (happened_at, seq) < (:before, (select seq from audit_log where id = :before_id)))
order by happened_at desc, seq desc
limit :limit
