-- The objects whose newest version is a dead letter, by the key of each table. A letter is not listed any more when
-- its object has a newer version, or when the row was replayed and could be read.
select d.id, coalesce((select c.source from connections c where c.name = d.source), d.source) as vendor,
       d.source, d.entity, d.external_id, d.outbox_id, failure_class(d.error_kind) as error_class,
       d.error_kind, d.error_field, d.error, d.created_at
from dead_letters d
where d.outbox_id is not null
  and (coalesce(:vendor, :connection) is null or d.source = any ((select connections_of(:vendor, :connection))::text[]))
  and (exists (select from payments p
               where p.source = d.source and p.kind = d.entity and p.external_id = d.external_id
                 and p.outbox_id = d.outbox_id and p.status = 'unreadable')
       or exists (select from contacts c
                  where c.source = d.source and c.external_id = d.external_id
                    and c.outbox_id = d.outbox_id and c.unreadable)
       or exists (select from calendar_events e
                  where e.source = d.source and e.external_id = d.external_id
                    and e.outbox_id = d.outbox_id and e.status = 'unreadable'))
order by d.created_at desc, d.id desc
limit :limit
