-- A row of the trail, in the transaction of the change. No statement changes one.
insert into audit_log (id, happened_at, actor_kind, actor_id, actor, action, object, count, why, detail, request_id, address)
values (:id, :happened_at, :actor_kind, :actor_id, :actor, :action, :object, :count, :why, :detail, :request_id, :address)
