-- The rows of a page, of a delivery or of a request. It returns the ids of those that are new.
select id
from insert_into_outbox(:source, :content_type, :content_encoding, :sender, :query, :run, :ticket_due_at,
                        :received_at, :ids, :entities, :external_ids, :version_keys, :version_ats,
                        :api_versions, :payloads) as id
