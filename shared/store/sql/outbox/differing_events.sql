-- Which events are stored with another payload, or no longer, by their places from 1 on.
select place from differing_events(:external_ids, :version_keys, :lengths, :sha256s) as place
