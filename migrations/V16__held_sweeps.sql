-- Full lists that left out so many objects that a person has to say whether they are gone (docs/adr/0033).
create table held_sweeps (
    source     text        not null,
    entity     text        not null,
    run_id     uuid        not null,                    -- the full run whose list it was
    unseen     bigint      not null,                    -- objects that nothing has shown
    accounted  bigint      not null,                    -- objects that the list should have shown
    held_at    timestamptz not null,
    allowed_at timestamptz,                             -- a person lets the next full run ask for them all
    primary key (source, entity)
);
