-- Rows without what names people who were erased. The payload of a row of which only the facts are kept is empty.
update outbox o set payload = k.payload, query = k.query
from unnest(:ids, :payloads, :queries) as k (id, payload, query)
where o.id = k.id and o.id = any(:ids)
