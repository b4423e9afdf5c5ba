-- The request is answered: no mail is due any more.
update reset_requests set next_action_at = null where email = :email
