-- Gives up what was claimed before :before: its function ended in the middle. It may have been sent.
update digest_sendings set state = 'unsure', error = 'the function ended while it was sent'
where state = 'sending' and tried_at < :before
returning digest_id, channel
