-- Written after the vendor has opened the channel: its id and its end are the vendor's answer.
insert into push_channels (source, channel_id, resource_id, expires_at, scope, address, opened_at)
values (:source, :channel_id, :resource_id, :expires_at, :scope, :address, :opened_at)
