-- Connections whose vendor does not answer, or makes them wait (docs/adr/0046-turns-and-circuits.md). A row is an open
-- circuit; there is none while all is well. Functions of the release before know no circuits, and ask as they did.
create table circuits (
    source      text collate "C" primary key, -- the connection
    failures    integer     not null,         -- invocations in a row that brought nothing
    since       timestamptz not null,         -- the first of them
    rests_until timestamptz not null,         -- nothing is asked of the vendor before
    why         text        not null          -- the vendor's last word
);
