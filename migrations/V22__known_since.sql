-- Since when `relay` knows that a pull is to succeed. Null: it has not seen the pull yet, or the pull's connection has a
-- row that says it. Functions of the release before leave it alone.
alter table sync_state add column known_since timestamptz;
