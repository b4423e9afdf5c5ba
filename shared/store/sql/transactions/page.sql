-- A page of transactions, newest first.
select id, status, failure, reason, received_at, updated_at, ended_at
from transactions
where (:status::text is null or status = :status)
  and (:before::timestamptz is null or (received_at, id) < (:before, :before_id))
order by received_at desc, id desc
limit :limit
