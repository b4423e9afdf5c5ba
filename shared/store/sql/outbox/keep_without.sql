-- Rows without what names people who were erased. A row of which only the facts are kept has no payload, and says so.
update outbox o
set payload = k.payload, query = k.query,
    content_type = case when octet_length(k.payload) = 0 then :erased else o.content_type end
from unnest(:ids, :payloads, :queries) as k (id, payload, query)
where o.id = k.id and o.id = any(:ids)
