"""Uses the client that openapi-python-client has made of docs/openapi.json, as somebody's program would.

    client.py FOLDER URL INGEST_KEY READ_KEY

FOLDER holds the package penstock_client. Fails where a call does not end as the contract says.
"""

import io
import sys
import uuid

sys.path.insert(0, sys.argv[1])

from penstock_client import AuthenticatedClient, Client  # noqa: E402
from penstock_client.api.events import create_events, get_journey  # noqa: E402
from penstock_client.api.leads import create_form_lead, create_lead, create_older_lead  # noqa: E402
from penstock_client.api.operations import get_healthz, get_stats  # noqa: E402
from penstock_client.models import (  # noqa: E402
    CreateLeadDataBody,
    CreateLeadJsonBody,
    CreateOlderLeadJsonBody,
    EventsReply,
    Journey,
    LeadReply,
    Problem,
    TypedEvent,
    UserEvent,
)
from penstock_client.types import File  # noqa: E402

_, _, url, ingest_key, read_key = sys.argv


def with_key(key):
    return AuthenticatedClient(base_url=url, token=key, prefix="", auth_header_name="X-Api-Key")


ingest, read = with_key(ingest_key), with_key(read_key)
ADA = {"email": "ada@example.com", "name": "Ada Lovelace"}

# A lead: as JSON, as a form, as bytes, and with the key in the path.
key = str(uuid.uuid4())
reply = create_lead.sync_detailed(client=ingest, body=CreateLeadJsonBody.from_dict(ADA), idempotency_key=key)
assert (reply.status_code, reply.parsed.ok, reply.parsed.deduplicated) == (201, True, False), reply
again = create_lead.sync_detailed(client=ingest, body=CreateLeadJsonBody.from_dict(ADA), idempotency_key=key)
assert (again.status_code, again.parsed.lead_id) == (200, reply.parsed.lead_id), again
form = create_lead.sync(client=ingest, body=CreateLeadDataBody.from_dict(ADA))
assert isinstance(form, LeadReply) and isinstance(form.lead_id, uuid.UUID), form
binary = create_lead.sync(client=ingest, body=File(payload=io.BytesIO(b"call Ada \xff\x00")))
assert isinstance(binary, LeadReply), binary
of_form = create_form_lead.sync(ingest_key, client=Client(base_url=url), body=File(payload=io.BytesIO(b"a=b")))
assert isinstance(of_form, LeadReply), of_form
older = create_older_lead.sync_detailed(client=ingest, body=CreateOlderLeadJsonBody.from_dict(ADA))
assert older.status_code in (201, 409) and older.parsed.ok is True, older

# Events: both shapes in one batch, and one that is bad.
user = UserEvent.from_dict({"userId": "u-1", "sessionId": "s-1", "type": "client", "payload": {"n": [1, None]}})
typed = TypedEvent(event_type="client", payload="any JSON")
batch = create_events.sync(client=ingest, body=[user, typed])
assert isinstance(batch, EventsReply) and batch.success and batch.count == 2, batch
assert [result.status for result in batch.results] == ["accepted", "accepted"], batch
mixed = create_events.sync(client=ingest, body=[user, UserEvent(session_id="s", type_="t", user_id="")])
assert (mixed.success, mixed.results[1].status, mixed.results[1].errors[0].pointer) == (False, "rejected", "#/1/userId"), mixed

# A journey, page by page, and who may not read it.
journey = get_journey.sync("u-1", client=read, limit=20)
assert isinstance(journey, Journey) and len(journey.events) == 20 and journey.next_cursor, journey
rest = get_journey.sync("u-1", client=read, limit=20, cursor=journey.next_cursor)
assert journey.events[-1].occurred_at >= rest.events[0].occurred_at
assert {event.type_ for event in journey.events} == {"click"}, journey
refused = get_journey.sync("u-1", client=ingest)
assert isinstance(refused, Problem) and refused.status == 401 and refused.type_.startswith("urn:penstock:"), refused

assert get_stats.sync(client=read) is not None
assert get_healthz.sync(client=Client(base_url=url)) is not None
print("the client works")
