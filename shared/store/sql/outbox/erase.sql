-- Deletes up to :limit rows of a connection, in the order of the key and beyond :after, and says where it has come to;
-- null if it found no more. A row that is locked is skipped: the next round looks again from the beginning. Rows are
-- deleted by their places, so that no plan reads the table. The same holds for all of these statements.
with gone as materialized (
    select ctid, entity, external_id, version_key from outbox
    where source = :source and (entity, external_id, version_key) > (:after[1], :after[2], :after[3])
    order by entity, external_id, version_key
    limit :limit
    for update skip locked
),
deleted as (
    delete from outbox where ctid = any(array(select ctid from gone))
    returning 1
)
select (select count(*) from deleted) as rows,
       (select array[entity, external_id, version_key] from gone
         order by entity desc, external_id desc, version_key desc limit 1) as last,
       (select count(*) from gone) >= :limit as more
