-- The channels end by themselves. A connection that is connected again opens others.
delete from push_channels where source = any(:sources)
