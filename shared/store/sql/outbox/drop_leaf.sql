-- Drops the oldest leaf from before :before that is empty, and returns its name; null if there is none, or it is in use.
select drop_outbox_leaf(:before) as name
