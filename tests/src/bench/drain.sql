-- What `process` does with a batch, as one statement: the yardstick of `drain_ratio_…`.
with claimed as (
    update outbox o
    set status = 'processed', processed_at = $2, last_error = null, error_kind = null
    from (select id from outbox where id = any($1) and status = 'pending' for update skip locked) free
    where o.id = free.id
    returning o.id, o.source, o.version_at, o.payload
),
parsed as materialized (
    select id, source, version_at, payload, convert_from(payload, 'UTF8')::jsonb as body from claimed
),
-- An event wraps the object it is about.
opened as (
    select id, source, version_at, true as native, body #> '{data,object}' as object, null as payload
    from parsed where body ->> 'object' = 'event'
    union all
    select id, source, version_at, false, body, payload from parsed where body ->> 'object' <> 'event'
),
-- Older versions of the API render a charge's refunds inside it.
objects as (
    select id, source, version_at, native, object, payload, true as of_captured from opened
    union all
    select id, source, version_at, native, inside.refund, null, (object ->> 'captured')::boolean
    from opened
    cross join lateral jsonb_array_elements(object #> '{refunds,data}') as inside (refund)
    where object ->> 'object' = 'charge' and jsonb_typeof(object #> '{refunds,data}') = 'array'
),
fields as (
    select id, source, version_at, native, object, payload, of_captured, object ->> 'object' as kind,
           object ->> 'id' as external_id, upper(object ->> 'currency') as currency,
           coalesce(object ->> 'status', 'null') as raw_status, (object ->> 'amount')::bigint as amount,
           to_timestamp((object ->> 'created')::bigint) as occurred_at
    from objects
    where object ->> 'object' in ('charge', 'refund', 'dispute')
),
mapped as (
    select *,
        case kind
        when 'charge' then case
            when raw_status = 'succeeded' and (object ->> 'captured')::boolean then 'collected'
            when raw_status = 'succeeded' and (object ->> 'refunded')::boolean then 'canceled'
            when raw_status = 'succeeded' then 'authorized'
            when raw_status in ('pending', 'failed') then raw_status
            else 'unmapped' end
        when 'refund' then case
            when raw_status = 'succeeded'
                 and (not of_captured or object ->> 'reason' = 'expired_uncaptured_charge') then 'released'
            when raw_status = 'succeeded' then 'refunded'
            when raw_status in ('pending', 'requires_action') then 'refund_pending'
            when raw_status = 'failed' then 'refund_failed'
            when raw_status = 'canceled' then 'refund_canceled'
            else 'unmapped' end
        else case
            when raw_status in ('lost', 'appeal_needs_response', 'appeal_under_review') then 'disputed'
            when raw_status in ('won', 'charge_refunded') then 'dispute_won'
            when raw_status in ('needs_response', 'under_review') then 'dispute_open'
            when raw_status like 'warning\_%' then 'inquiry'
            when raw_status = 'prevented' and (
                select coalesce(sum((t ->> 'amount')::bigint), 0) < 0
                from jsonb_array_elements(object -> 'balance_transactions') t) then 'disputed'
            when raw_status = 'prevented' then 'dispute_won'
            else 'unmapped' end
        end as status
    from fields
),
ranked as (
    select id, source, version_at, native, kind, external_id, currency, raw_status, status, occurred_at,
           case when currency in ('ISK', 'UGX') then 1 else 100 end
               * case when status = 'collected' then coalesce((object ->> 'amount_captured')::bigint, amount) else amount end
               / case when currency = 'MGA' then 1 else 100 end as amount,
           case
           when status = 'unmapped' then 0
           when status in ('pending', 'refund_pending', 'inquiry') then 1
           when status in ('authorized', 'dispute_open') then 2
           when status in ('failed', 'refunded', 'disputed') then 3
           when status in ('collected', 'refund_canceled', 'released', 'dispute_won') then 4
           else 5 end::smallint as version_rank,
           coalesce(payload, convert_to(object::text, 'UTF8')) as raw
    from mapped
),
newest as (
    select distinct on (source, kind, external_id) *, ('x' || left(md5(raw), 16))::bit(64)::bigint as content_hash
    from ranked
    order by source, kind, external_id, version_at desc, version_rank desc, amount desc
)
insert into payments as p (source, kind, external_id, amount, currency, status, raw_status, occurred_at,
                           version_at, native, version_rank, content_hash, raw, outbox_id, updated_at)
select source, kind, external_id, amount, currency, status, raw_status, occurred_at,
       version_at, native, version_rank, content_hash, raw, id, $2
from newest
on conflict (source, kind, external_id) do update
set amount = excluded.amount, currency = excluded.currency, status = excluded.status,
    raw_status = excluded.raw_status, occurred_at = excluded.occurred_at, version_at = excluded.version_at,
    native = excluded.native, version_rank = excluded.version_rank, content_hash = excluded.content_hash,
    raw = excluded.raw, outbox_id = excluded.outbox_id, updated_at = excluded.updated_at
where (excluded.version_at, excluded.version_rank, excluded.amount, excluded.content_hash)
        > (p.version_at, p.version_rank, p.amount, p.content_hash)
  and (excluded.native
       or (excluded.amount, excluded.currency, excluded.status, excluded.raw_status, excluded.occurred_at, excluded.content_hash)
          is distinct from (p.amount, p.currency, p.status, p.raw_status, p.occurred_at, p.content_hash))
