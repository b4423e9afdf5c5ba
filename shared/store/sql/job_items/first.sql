-- The first items of a job, with what has failed of those that are failures.
with first as materialized (
    select place, target, key, version, case when target in ('outbox', 'dead_letters') then key[1]::uuid end as failed
    from job_items
    where job = :job
    order by place
    limit :limit
)
select i.target, i.key, i.version, f.source, f.entity, f.external_id, f.error_kind, f.reason, f.failed_at
from first i
left join lateral (
    select source, entity, external_id, error_kind, reason, failed_at from failures
    where id = i.failed or outbox_id = i.failed
    limit 1
) f on true
order by i.place
