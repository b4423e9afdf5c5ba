-- Deletes up to :limit rows of a connection, in the order of the key and beyond :after, and says where it has come to;
-- null if it found no more. A row that is locked is skipped: the next round looks again from the beginning. The same holds
-- for all of these statements. Those of other tables delete rows by their places, so that no plan reads the table; here a
-- place is one of a leaf, and rows are deleted by their ids.
with gone as materialized (
    select id, entity, external_id, version_key from outbox
    where source = :source and (entity, external_id, version_key) > (:after[1], :after[2], :after[3])
    order by entity, external_id, version_key
    limit :limit
    for update skip locked
),
deleted as (
    delete from outbox o using gone where o.id = gone.id
    returning 1
)
select (select count(*) from deleted) as rows,
       (select array[entity, external_id, version_key] from gone
         order by entity desc, external_id desc, version_key desc limit 1) as last,
       (select count(*) from gone) >= :limit as more
