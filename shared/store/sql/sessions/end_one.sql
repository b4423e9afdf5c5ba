delete from sessions where id = :id and user_id = :user_id
