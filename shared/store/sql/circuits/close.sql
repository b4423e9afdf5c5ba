-- The vendor answers: nothing rests any more.
delete from circuits where source = :source
