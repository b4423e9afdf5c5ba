-- Plans a message. There is one daily digest of a day in a zone: the second plans nothing.
insert into digests (id, kind, day, zone, message, planned_at)
values (:id, :kind, :day, :zone, :message, :now)
on conflict (kind, day, zone) where kind = 'daily' do nothing
