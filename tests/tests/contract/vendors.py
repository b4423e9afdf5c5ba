"""Signs, verifies and builds requests by the vendors' own SDKs and the library of Standard Webhooks. Reads a list of
requests as JSON, writes what becomes of each."""

import json
import sys
from datetime import datetime, timezone
from urllib.parse import parse_qsl, unquote, urlsplit

import standardwebhooks.webhooks
import stripe
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from hubspot.utils.signature import Signature


def hubspot(request):
    made = Signature.get_signature(
        request["secret"], request["body"], "v3", request["url"], "POST", request["timestamp"]
    )
    given = request["signature"]
    accepts = Signature.is_valid(
        given, request["secret"], request["body"], request["url"], "POST", "v3", request["timestamp"]
    )
    return {"made": made, "accepts": accepts}


def stripes(request):
    sign = stripe.WebhookSignature.generate_signature_header
    made = sign(request["body"], request["secret"], int(request["timestamp"]))
    try:
        stripe.WebhookSignature.verify_header(request["body"], request["signature"], request["secret"], 300)
    except stripe.SignatureVerificationError:
        return {"made": made, "accepts": False}
    return {"made": made, "accepts": True}


def google(request):
    """Builds a request from Google's discovery document, which refuses a parameter it does not list."""
    document = json.loads(get_static_doc("calendar", "v3"))
    resource, method = request["method"].split(".")
    build = getattr(getattr(build_from_document(document, developerKey="key"), resource)(), method)
    token = document["resources"]["events"]["methods"]["list"]["parameters"]["syncToken"]
    excluded = [line[2:].split()[0] for line in token["description"].splitlines() if line.startswith("- ")]
    try:
        made = build(**request["parameters"])
    except TypeError as refused:
        return {"refused": str(refused), "excluded": excluded}
    url = urlsplit(made.uri)
    query = [pair for pair in parse_qsl(url.query, keep_blank_values=True) if pair[0] not in ("key", "alt")]
    path = unquote(url.path).removeprefix("/calendar/v3")
    return {"method": made.method, "path": path, "query": sorted(query), "excluded": excluded}


class Clock(datetime):
    """The clock of the request: the library has no parameter for the time."""

    at = 0.0

    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(cls.at, tz)


standardwebhooks.webhooks.datetime = Clock


def standard(request):
    """Signs a body by Standard Webhooks' own library. If there are headers, verifies them with it."""
    Clock.at = request["at_ms"] / 1000
    webhook = standardwebhooks.Webhook(request["secret"])
    headers = request["headers"]
    if headers is None:
        made = webhook.sign(request["id"], datetime.fromtimestamp(int(Clock.at), timezone.utc), request["body"])
        return {"made": made}
    try:
        return {"read": webhook.verify(request["body"].encode(), headers)}
    except standardwebhooks.WebhookVerificationError as refused:
        return {"refused": str(refused)}


vendors = {"google": google, "hubspot": hubspot, "standard": standard, "stripe": stripes}
requests = json.load(sys.stdin)
json.dump([vendors[request["vendor"]](request) for request in requests], sys.stdout)
