-- Which versions are stored with another payload, by their places from 1 on.
select place from differing_payloads(:source, :entity, :external_ids, :version_keys, :sha256s) as place
