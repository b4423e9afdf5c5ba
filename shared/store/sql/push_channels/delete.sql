-- Written after the vendor has closed the channel, or it has expired: there is nothing left to
-- close.
delete from push_channels where source = :source and channel_id = :channel_id
