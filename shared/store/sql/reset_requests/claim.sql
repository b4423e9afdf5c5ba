-- Claims requests that are due. Whoever ends meanwhile leaves them to be tried again :later.
update reset_requests
set attempts = attempts + 1, next_action_at = :later
where email in (
    select email from reset_requests where next_action_at <= :now order by next_action_at limit :limit for update skip locked
)
returning email, attempts
