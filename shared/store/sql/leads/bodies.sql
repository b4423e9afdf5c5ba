-- Bodies of leads that are to be read again. They are locked until their columns are written.
select id, content_type, content_encoding, body
from leads
where id = any (:ids)
order by id
for no key update
