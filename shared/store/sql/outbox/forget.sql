-- Rows of people who were erased, which have come again.
delete from outbox where id = any(:ids)
