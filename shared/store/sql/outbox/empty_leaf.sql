-- Empties the oldest leaf from before :before that holds only processed rows, of transactions before :archived, if there is one.
select name, is_emptied from empty_archived_outbox_leaf(:before, :archived)
