-- The ids of rows are made as they arrive: those of a run are in the range of its time, and the primary key finds them. A row
-- of another run in that range is passed over.
select id, entity, external_id, status, attempts, error_kind, received_at, processed_at
from outbox
where id >= :first and id < :last and run_id = :run
order by id desc
limit :limit
