-- The row of a delivery, and the request to read the object that it only names. One statement is
-- one transaction: both are there or neither, in one round trip. It returns no row for a version
-- that is known: its request was committed with it. Nothing is requested of a mode that is known
-- to be another than the key's.
with new as (
    select id
    from insert_into_outbox(:source, :content_type, :content_encoding, :sender, :query, :run, :ticket_due_at,
                            :received_at, :ids, :entities, :external_ids, :version_keys, :version_ats,
                            :api_versions, :payloads) as id
),
refetch as (
    insert into refetch_requests as r (source, entity, external_id, pushed, requested_at, next_send_at)
    select :source, :refetch_entity, :refetch_id, true, :now, :ticket_due_at from new
    where not exists (select from vendor_accounts a where a.source = :source and a.livemode <> :livemode)
    on conflict (source, entity, external_id) do update
    set requested_at = greatest(r.requested_at, excluded.requested_at), pushed = true, tries = 0,
        next_send_at = least(r.next_send_at, excluded.next_send_at), ended_at = null,
        failing_since = null
)
select id from new
