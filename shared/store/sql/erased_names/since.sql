-- The names that were added after :known, and the salt; one row without a name if there are none. The numbers are committed in
-- their order. The table stays locked for reading until the transaction ends, which an erasure waits for.
select s.salt, s.revision, e.name from erasure_settings s left join erased_names e on e.revision > :known
