-- Whether an object of this entity can be claimed now.
select exists (
    select from refetch_requests
    where source = :source and entity = :entity and (tries = 0 or next_send_at <= :now)
      and (ended_at is null or ended_at < requested_at)
) as waits
