"""What a schema cannot say: formats of ours, signatures, and parameters that depend on each other."""

import base64
import hashlib
import hmac
import itertools
import json
import os
import re
import time

import schemathesis
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

SIGNATURE = re.compile(r"t=[0-9]{1,11},v1=[0-9a-f]{64}")
HUBSPOT_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{43}=")
HUBSPOT_TIME = re.compile(r"[0-9]{13}")
WEBHOOK_SIGNATURE = re.compile(r"v1,[A-Za-z0-9+/]{43}=")
WEBHOOK_TIME = re.compile(r"[0-9]{10}")
WEBHOOK_ID = re.compile(r"msg_[A-Za-z0-9]{8,32}")
CHANNEL = re.compile(r"[A-Za-z0-9_+/=-]{1,64}")
CHANNEL_TOKEN = re.compile(r"[0-9a-f]{64}")

# Where HubSpot believes that it calls.
HUBSPOT_CALLS = "https://hooks.example.com"

# Cursors are made by the API; these are of the same make.
MICROSECONDS = st.integers(0, 4_000_000_000_000_000)


@st.composite
def journey_cursors(draw):
    start, at, end = sorted(draw(st.lists(MICROSECONDS, min_size=3, max_size=3, unique=True)))
    text = draw(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20))
    raw = b"".join(n.to_bytes(8, "big") for n in (start, end, at)) + text.encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


run_cursors = st.tuples(MICROSECONDS, st.uuids()).map(lambda pair: f"{pair[0]:016x}{pair[1].hex}")
zones = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York", "Pacific/Apia", "Etc/GMT+5"])

# Ids of rows that are there, and others that are not.
event_ids = st.one_of(st.integers(1, 20).map(lambda n: f"019a0c9e-6a10-7bb3-8f0e-{n:012}"), st.uuids().map(str))
transaction_ids = st.one_of(st.integers(1, 40).map(lambda n: f"019a0c9e-6a10-7bb3-8f10-{n:012}"), st.uuids().map(str))
job_ids = st.one_of(st.integers(1, 400).map(lambda n: f"019a0c9e-6a10-7bb3-8f0f-{n:012}"), st.uuids().map(str))

# Accounts that others do not sign in to.
user_ids = st.one_of(st.integers(1, 200).map(lambda n: f"019a0c9e-6a10-7bb3-8f11-{n:012}"), st.uuids().map(str))

schemathesis.openapi.format("user-id", user_ids)
schemathesis.openapi.format("transaction-id", transaction_ids)
schemathesis.openapi.format("event-id", event_ids)
schemathesis.openapi.format("job-id", job_ids)
schemathesis.openapi.format("journey-cursor", journey_cursors())
schemathesis.openapi.format("run-cursor", run_cursors)
schemathesis.openapi.format("iana-time-zone", zones)
schemathesis.openapi.format("lead-time", st.sampled_from(["2026-06-01T12:00:00Z", "2026-06-01", "1970-01-01T00:00:00.000001+00:00"]))


def mac(message):
    return hmac.new(os.environ["SIGNING_SECRET"].encode(), message, hashlib.sha256)


class Signed:
    """Signs a request where its headers look signed, as only the holder of the secret can."""

    def __call__(self, request):
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body

        def looks_like(shape, name):
            return shape.fullmatch(str(request.headers.get(name, "")))

        if looks_like(SIGNATURE, "Stripe-Signature"):
            now = str(int(time.time()))
            request.headers["Stripe-Signature"] = f"t={now},v1={mac(f'{now}.'.encode() + body).hexdigest()}"
        if looks_like(HUBSPOT_SIGNATURE, "X-HubSpot-Signature-v3") and looks_like(HUBSPOT_TIME, "X-HubSpot-Request-Timestamp"):
            now = str(int(time.time() * 1000))
            signed = f"{request.method}{HUBSPOT_CALLS}{request.path_url}".encode() + body + now.encode()
            request.headers["X-HubSpot-Request-Timestamp"] = now
            request.headers["X-HubSpot-Signature-v3"] = base64.b64encode(mac(signed).digest()).decode()
        headers = (WEBHOOK_SIGNATURE, "webhook-signature"), (WEBHOOK_TIME, "webhook-timestamp"), (WEBHOOK_ID, "webhook-id")
        if all(looks_like(*header) for header in headers):
            now = str(int(time.time()))
            key = base64.b64decode(os.environ["CALL_BACK_SECRET"].removeprefix("whsec_"))
            signed = f"{request.headers.get('webhook-id', '')}.{now}.".encode() + body
            request.headers["webhook-timestamp"] = now
            request.headers["webhook-signature"] = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        if looks_like(CHANNEL_TOKEN, "X-Goog-Channel-Token") and looks_like(CHANNEL, "X-Goog-Channel-Id"):
            channel = str(request.headers.get("X-Goog-Channel-Id", ""))
            request.headers["X-Goog-Channel-Token"] = mac(f"channel.{channel}".encode("utf-8", "replace")).hexdigest()
        return request


OF_PEOPLE = re.compile(r"/api/auth/.*|/session|/users|/users/invite|/users/\{userId\}/(?!journey).*")

# They need no session, and have something to do with one.
OPEN = ("/api/auth/get-session", "/api/auth/sign-out", "/session")

SESSIONS = itertools.count(1)


class SignedIn:
    """Gives a request that has the cookie of a session a session of its own, because some routes end the one that they
    come with. It comes from a page of ours, and wants JSON: a form of a browser is answered by a page."""

    def __init__(self, path):
        self.path = path

    def __call__(self, request):
        if self.path in OPEN or "better-auth.session_token=" in str(request.headers.get("Cookie", "")):
            token = hashlib.md5(f"session {next(SESSIONS)}".encode()).hexdigest()
            request.headers["Cookie"] = f"better-auth.session_token={token}"
        request.headers["Sec-Fetch-Site"] = "same-origin"
        request.headers["Accept"] = "application/json"
        return request


@schemathesis.hook
def before_call(context, case, kwargs):
    """Signs webhooks, and puts a key into the path that has one. And what is valid by itself is made valid together: the first of a range comes first, and a cursor has
    its own bounds."""
    if case.operation.path.startswith("/webhook"):
        kwargs["auth"] = Signed()
    if OF_PEOPLE.fullmatch(case.operation.path):
        kwargs["auth"] = SignedIn(case.operation.path)
    positive = case.meta and case.meta.generation.mode is GenerationMode.POSITIVE
    webhook_id = (case.headers or {}).get("webhook-id")
    if positive and webhook_id is not None and not WEBHOOK_ID.fullmatch(str(webhook_id)):
        # A link has put the id of an earlier response there.
        case.headers["webhook-id"] = "msg_12345678"
    if case.operation.path.endswith("/{connection}") and positive:
        # The first connection of a source is the only one that this deployment has a secret for.
        case.path_parameters["connection"] = case.operation.path.split("/")[2]
    if case.operation.path == "/leads/{id}" and positive:
        one_lead(case)
    if case.operation.path == "/connections/{name}" and case.operation.method.upper() == "PUT":
        connectable(case)
    query = case.query
    if not isinstance(query, dict) or case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if case.headers and "Idempotency-Key" in case.headers:
        # The examples have one key and many bodies: most get a key of their own, or little but 422
        # would be seen.
        said = repr((case.headers["Idempotency-Key"], case.path_parameters, case.body))
        digest = hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()
        if int(digest[0], 16) > 3:
            case.headers["Idempotency-Key"] = digest
    if case.operation.path.startswith("/metrics/revenue/"):
        # A range has at most 3,660 days, and a single date is in it with today or 30 days before:
        # both, in one year.
        if "startDate" in query or "endDate" in query:
            dates = sorted(in_year("2026", query.get(name) or "2026-01-01") for name in ("startDate", "endDate"))
            query["startDate"], query["endDate"] = dates
    if case.operation.path == "/leads" and "from" in query and "to" in query:
        # The first of a range comes first.
        query["from"], query["to"] = "2026-01-01", "2026-06-01T12:00:00Z"
    if case.operation.path == "/users/{userId}/journey":
        if query.get("cursor") is not None:
            query.pop("from", None)
            query.pop("to", None)
        elif "from" in query or "to" in query:
            query["from"] = in_year("1970", query.get("from") or "1970-01-01T00:00:00Z")
            query["to"] = in_year("2100", query.get("to") or "2100-01-01T00:00:00Z")


def one_lead(case):
    """Names a lead that is there, in most cases. A form builder's request has a key in the place of the id."""
    if case.operation.method.upper() == "POST":
        case.path_parameters["id"] = os.environ["INGEST_KEY"]
        return
    if case.headers and "If-Match" in case.headers:
        # Most texts are the ETag of no lead.
        case.headers["If-Match"] = "*"
    digest = hashlib.sha256(str(case.path_parameters.get("id")).encode("utf-8", "replace")).hexdigest()
    if int(digest[0], 16) > 1:
        case.path_parameters["id"] = f"00000000-0000-7000-8000-00000000000{1 + int(digest[1], 16) % 9}"


# A key of each vendor's shape, and what it needs.
KEYS = {
    "stripe": "rk_live_contract",
    "hubspot": "pat-contract",
    "gcal": json.dumps(
        {"client_email": "a@example.com", "private_key": "-----BEGIN PRIVATE KEY-----", "token_uri": "https://example.com"}
    ),
}


def connectable(case):
    """Makes what is valid by its types an account that can be connected: most texts are no key of the vendor's and no
    setting, a name stays its vendor's, and of a key and its name one is given."""
    body = case.body
    if not isinstance(body, dict) or case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    source = body.get("source")
    if source not in KEYS:
        return
    for name in ("keySecret", "signingSecret"):
        body.pop(name, None)
    body["key"] = KEYS[source]
    body["settings"] = {"calendar_id": "a@example.com"} if source == "gcal" else {"page_size": "50"}
    if "signingSecrets" in body:
        body["signingSecrets"] = ["whsec_contract"]
    digest = hashlib.sha256(str(case.path_parameters.get("name")).encode("utf-8", "replace")).hexdigest()
    case.path_parameters["name"] = f"{source}-{digest[:4]}"


def in_year(year, text):
    return (year + text[4:]).replace("-02-29", "-02-28")
