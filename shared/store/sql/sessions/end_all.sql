-- All sessions of a user but one; all of them if :but is null.
delete from sessions where user_id = :user_id and id is distinct from :but
