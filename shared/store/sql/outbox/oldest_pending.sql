-- How long the oldest pending row has waited is what the alarm on a stalled pipeline looks at.
select min(received_at) as received_at from outbox where status = 'pending'
