-- Empties the oldest leaf from before :before that holds only processed rows, if there is one.
select name, is_emptied from empty_outbox_leaf(:before)
