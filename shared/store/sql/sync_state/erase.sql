-- The pulls of a connection that is erased. Whoever has a lease of them has lost it. The windows go first: a foreign key
-- keeps them with their run.
with closed as (
    delete from sync_windows where source = :source
)
delete from sync_state where source = :source
