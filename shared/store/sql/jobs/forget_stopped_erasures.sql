-- Erasures that were stopped keep nothing of the person.
select forget_stopped_erasures(:now)
