-- Deletes the messages from before :before, with what became of them.
delete from digests where planned_at < :before
