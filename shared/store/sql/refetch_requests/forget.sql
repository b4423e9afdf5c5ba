-- Objects that wait to be read. Another account, connected under the same name, would answer that they do not exist. A
-- row that is locked is skipped: it belongs to a transaction that may wait for this one.
with waiting as materialized (
    select source, entity, external_id from refetch_requests
    where source = any(:sources)
    for update skip locked
)
delete from refetch_requests r using waiting w
where (r.source, r.entity, r.external_id) = (w.source, w.entity, w.external_id)
