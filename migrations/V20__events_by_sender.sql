-- Events are unique by id and sender from here on. `concurrently` leaves an index that is not valid where it fails, and
-- V19 takes it for there.
do $$
begin
    if exists (
        select from pg_index
        where indexrelid in ('events_by_sender'::regclass, 'events_journey_by_sender'::regclass) and not indisvalid
    ) then
        raise exception 'events_by_sender or events_journey_by_sender is not valid: drop it, and migrate again';
    end if;
end
$$;
alter table events
    drop constraint events_pkey,
    add constraint events_pkey primary key using index events_by_sender;
drop index events_journey;
alter index events_journey_by_sender rename to events_journey;
