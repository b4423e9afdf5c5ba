-- When an object's newest version came, if that is a tombstone: of a reply by its id, or of a
-- sweep.
select case when starts_with(version_key, 'gone:') or starts_with(version_key, 'sweep:')
       then received_at end as gone_since
from outbox
where source = :source and entity = :entity and external_id = :external_id
order by received_at desc, id desc
limit 1
