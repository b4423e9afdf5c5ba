-- What has become of rows that were put back to work: of the next :limit items, beyond :after.
with looked_at as materialized (
    select i.place, i.version, (select o.status from outbox o where o.id = i.version) as status
    from job_items i
    where i.job = :job and i.state = 'sent' and i.place > :after
    order by i.place
    limit :limit
),
settled as (
    update job_items i
    set state = case l.status when 'processed' then 'done' when 'dead' then 'dead' else 'skipped' end,
        reason = case when l.status is null then 'it is gone'
                      when l.status = 'dead' then (select coalesce(d.reason, reason_of(d.error)) from dead_letters d where d.outbox_id = l.version) end
    from looked_at l
    where i.job = :job and i.place = l.place and l.status is distinct from 'pending'
)
select max(place) as last, count(*) as looked_at from looked_at
