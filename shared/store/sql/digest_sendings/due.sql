-- What is to be sent now, the oldest message first. A range of the partial index digest_sendings_open.
select s.digest_id, s.channel, s.attempts, d.kind, d.message
from digest_sendings s
join digests d on d.id = s.digest_id
where s.state = 'planned' and s.next_try_at <= :now and s.channel = any (:channels)
order by d.planned_at, s.channel
limit :limit
