-- Makes the leaves of today and of the next :days days where they are missing. It returns for how many days from today on
-- there are leaves; -1 is none for today.
select make_outbox_leaves(:now, :days) as days_ahead
