-- Writes the columns that were read again out of bodies, where they differ.
update leads l
set email = i.email, phone = i.phone, name = i.name, company = i.company, first_name = i.first_name,
    last_name = i.last_name, country = i.country, language = i.language, ip = i.ip, domain = i.domain, offer = i.offer,
    source_type = i.source_type, marker = i.marker, creative = i.creative, click_id = i.click_id,
    description = i.description, revision = revision + 1
from unnest(:ids, :emails, :phones, :names, :companies, :first_names, :last_names, :countries, :languages, :ips,
            :domains, :offers, :source_types, :markers, :creatives, :click_ids, :descriptions)
     as i (id, email, phone, name, company, first_name, last_name, country, language, ip, domain, offer, source_type,
           marker, creative, click_id, description)
where l.id = i.id
  and (l.email, l.phone, l.name, l.company, l.first_name, l.last_name, l.country, l.language, l.ip, l.domain, l.offer,
       l.source_type, l.marker, l.creative, l.click_id, l.description)
      is distinct from
      (i.email, i.phone, i.name, i.company, i.first_name, i.last_name, i.country, i.language, i.ip, i.domain, i.offer,
       i.source_type, i.marker, i.creative, i.click_id, i.description)
