-- In the order of the primary key: contacts have no order of time that an index keeps. Contacts of one address are found by
-- their index.
select c.source, c.external_id, c.email, c.phone, c.first_name, c.last_name, c.merged_into, c.deleted_at, c.version_at, c.updated_at
from contacts c
where (:email::text is null or lower(c.email) = lower(:email))
  and (:source::text is null or c.source = :source)
  and (:after_source::text is null or (c.source, c.external_id) > (:after_source, :after_id))
order by c.source, c.external_id
limit :limit
