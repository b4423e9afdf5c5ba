update reset_requests set next_action_at = null where email = :email
