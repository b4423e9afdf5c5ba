-- Whether or not there is such an account. Another request within a while changes nothing.
insert into reset_requests as r (email, requested_at, next_action_at)
values (:email, :now, :now)
on conflict (email) do update
set requested_at = excluded.requested_at, attempts = 0, next_action_at = excluded.next_action_at
where r.next_action_at is null and r.requested_at <= :again_before
