"""Signs and verifies by the vendors' own SDKs. Reads a list of requests as JSON, writes what becomes of each."""

import json
import sys

import stripe
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


vendors = {"hubspot": hubspot, "stripe": stripes}
requests = json.load(sys.stdin)
json.dump([vendors[request["vendor"]](request) for request in requests], sys.stdout)
