-- One database role a function (docs/adr/0037-one-role-a-function.md). The sums follow payments as their owner does it, so
-- that who writes payments needs no right to write sums. Only a trigger can call these two.
alter function revenue_buckets_follow() security definer;
alter function revenue_buckets_clear() security definer;

-- Product events have a retention (docs/OPERATIONS.md, "Retention"). While the index is built, process waits to write
-- events, and nothing else does. A large table may get the index before, by `create index concurrently`.
create index if not exists events_received on events (received_at);
