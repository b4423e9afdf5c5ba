-- A session of this user, and of no other.
delete from sessions where id = :id and user_id = :user_id
