-- Deletes the issues that ended before :before.
delete from digest_issues where ended_at < :before
