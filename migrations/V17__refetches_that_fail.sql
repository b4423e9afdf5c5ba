-- Since when reads of the object have failed without an answer between them. Null: the last one did
-- not, or there was none. Functions of the release before leave it alone.
alter table refetch_requests add column failing_since timestamptz;
