"""Tries a deployment from outside, in a minute, and leaves nothing behind: what one runs after each deployment.

    KEY=<admin key> INGEST_KEY=<ingest key> smoke.py --url https://... [--wait SECONDS]

KEY is an admin key, which also reads; INGEST_KEY sends a lead and an event. `make key` makes both. No vendor and no
secret of one is needed: the script connects an account of its own, `smoke-1` to `smoke-9`, with a signing secret that it
makes up, and erases it in the end (docs/adr/0058-a-smoke-test-erases-itself.md). Prints a line a step. Exit code: 0 where
all went well, 1 where a step failed, 2 where something is missing. Standard library only.
"""

import argparse
import hashlib
import hmac
import json
import os
import random
import secrets
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from urllib.parse import quote, urlencode

# Withdrawn in 2009: no sum of anybody's money has it, and Penstock adds no currencies together.
CURRENCY = "ZWR"
AMOUNT = 4_711
# Two at once get names of their own, and a name is in use for 15 minutes after a run.
NAMES = [f"smoke-{number}" for number in range(1, 10)]
# No person has an address there (RFC 2606). relay knows the domain (connections::erasing).
DOMAIN = "smoke.invalid"
# Seconds: a request, and what is to be seen in Postgres afterwards.
PATIENCE = 30
SEEN_WITHIN = 60
BETWEEN_LOOKS = 0.5


class Failed(Exception):
    """A step failed. The message is for the operator, and repeats no key."""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A key must not follow to another host."""

    def redirect_request(self, *_):
        return None


class Api:
    """The deployment, by its URL and two keys."""

    def __init__(self, url: str, admin: str, ingest: str) -> None:
        self.url = url.rstrip("/")
        self.admin = {"X-Admin-Api-Key": admin}
        self.ingest = {"X-Api-Key": ingest}
        self.opener = urllib.request.build_opener(NoRedirect)

    def ask(self, method: str, path: str, headers: dict, body: bytes | None = None) -> tuple[int, dict]:
        """Returns status and body of the reply. One that asks for patience is asked again, twice."""
        for last in (False, False, True):
            status, said, wait = self._once(method, path, headers, body)
            if status not in (429, 503) or last:
                return status, said
            time.sleep(min(wait, 10))
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, headers: dict, body: bytes | None) -> tuple[int, dict, float]:
        if body is not None:
            headers = {"Content-Type": "application/json"} | headers
        request = urllib.request.Request(self.url + path, data=body, headers=headers, method=method)
        try:
            with self.opener.open(request, timeout=PATIENCE) as reply:
                return reply.status, parsed(reply.read()), 0
        except urllib.error.HTTPError as reply:
            wait = reply.headers.get("Retry-After", "1")
            return reply.code, parsed(reply.read()), float(wait) if wait.isdigit() else 1
        except (OSError, ValueError) as error:
            raise Failed(f"{method} {path}: no reply: {getattr(error, 'reason', error)}") from None

    def read(self, path: str, query: dict | None = None) -> dict:
        path += f"?{urlencode(query)}" if query else ""
        return self.expect(200, "GET", path, self.admin)

    def expect(self, wanted: int, method: str, path: str, headers: dict, body: object = None) -> dict:
        """Returns the body of a reply that must have this status."""
        encoded = json.dumps(body).encode() if body is not None else None
        status, said = self.ask(method, path, headers, encoded)
        if status != wanted:
            raise Failed(told(method, path, status, said))
        return said


def parsed(body: bytes) -> dict:
    try:
        said = json.loads(body or b"{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def told(method: str, path: str, status: int, said: dict) -> str:
    """Says what came back, by the problem's own words and its request id, which the logs have."""
    faults = [f"{fault.get('pointer')} {fault.get('detail')}" for fault in said.get("errors", [])]
    words = [str(word) for word in (said.get("detail"), *faults) if word]
    asked = f" (request {said['requestId']})" if "requestId" in said else ""
    return f"{method} {path}: {status} {'; '.join(words)}".rstrip() + asked


def until(look: Callable[[], str | None], seconds: float) -> None:
    """Looks again and again until there is nothing to say against it."""
    limit = time.monotonic() + seconds
    while said := look():
        if time.monotonic() > limit:
            raise Failed(f"{said}, after {seconds:.0f} s")
        time.sleep(BETWEEN_LOOKS)


class Smoke:
    """One run. What it makes belongs to the connection `name` and to the person `NAME@smoke.invalid`."""

    def __init__(self, api: Api, wait: float) -> None:
        self.api, self.wait = api, wait
        self.name, self.person, self.lead_id = "", "", ""
        self.mark = secrets.token_hex(8)
        self.signing = f"whsec_{secrets.token_hex(24)}"
        self.clock_ahead = 0.0  # the deployment's clock, less ours
        self.failed: list[str] = []
        self.done: set[str] = set()

    def step(self, name: str, what: Callable[[], str], after: str = "") -> None:
        """Takes a step and prints its line. One whose basis failed is skipped."""
        if after and after not in self.done:
            print(f"skipped         {name:<11} {after} has failed", flush=True)
            return
        started = time.monotonic()
        try:
            said, verdict = what(), "ok     "
            self.done.add(name)
        except Failed as error:
            said, verdict = str(error), "FAILED "
            self.failed.append(name)
        print(f"{verdict} {time.monotonic() - started:5.1f} s {name:<11} {said}", flush=True)

    def run(self) -> bool:
        self.step("health", self.health)
        self.step("ready", self.ready, after="health")
        self.step("connect", self.connect, after="ready")
        try:
            self.step("webhook", self.webhook, after="connect")
            self.step("forgery", self.forgery, after="connect")
            self.step("lead", self.lead, after="connect")
            self.step("event", self.event, after="connect")
            self.step("journey", self.journey, after="event")
            self.step("revenue", self.revenue, after="webhook")
        finally:
            # Also after Ctrl-C, and where connecting has failed half way.
            if self.name:
                self.step("erase", self.erase)
        self.step("gone", self.gone, after="erase" if self.name else "connect")
        return not self.failed

    def health(self) -> str:
        said = self.api.expect(200, "GET", "/healthz", {})
        if said.get("status") != "ok":
            raise Failed(f"GET /healthz says {said.get('status')!r}: is this Penstock's URL, with its stage?")
        stamp = str(said.get("timestamp", "")).partition(".")[0].rstrip("Z")
        try:
            theirs = time.mktime(time.strptime(stamp + " UTC", "%Y-%m-%dT%H:%M:%S %Z")) - time.timezone
        except ValueError:
            raise Failed("GET /healthz names no time") from None
        self.clock_ahead = theirs - time.time()
        return f"up for {said.get('uptimeS')} s"

    def ready(self) -> str:
        said = self.api.expect(200, "GET", "/readyz", {})
        late = [name for name, check in said.get("checks", {}).items() if not check.get("ok")]
        about = f"; not well: {', '.join(late)}" if late else ""
        return f"Postgres answers in {said['checks']['db']['latencyMs']} ms, {said['status']}{about}"

    def connect(self) -> str:
        """Connects an account that nobody reads: its vendor has no address, and it is paused."""
        for name in self.free_names():
            body = {
                "source": "stripe",
                "key": f"rk_test_smoke_{self.mark}",
                "signingSecrets": [self.signing],
                "settings": {"base_url": f"https://{DOMAIN}", "livemode": "false"},
            }
            path = f"/connections/{name}"
            status, said = self.api.ask("PUT", path, self.api.admin, json.dumps(body).encode())
            if status == 409:  # another run was faster
                continue
            if status != 201:
                raise Failed(told("PUT", path, status, said))
            self.name, self.person = name, f"{name}@{DOMAIN}"
            self.pause()
            return f"{name} takes webhooks, and is not pulled"
        raise Failed(f"{NAMES[0]} to {NAMES[-1]} are all in use: wait a quarter of an hour")

    def free_names(self) -> list[str]:
        """Returns the names that can be connected, in no order. What a run that was killed has left
        is erased."""
        known = {it["name"]: it["state"] for it in self.api.read("/connections")["connections"]}
        mine = [name for name in NAMES if known.get(name, "erased") == "erased"]
        if not mine:
            for name in NAMES:
                if known[name] != "erasing":
                    self.api.ask("DELETE", f"/connections/{name}?erase=true", self.api.admin)
        return random.sample(mine, len(mine))

    def pause(self) -> None:
        until(lambda: self._refused("POST", f"/connections/{self.name}/pause", 200), SEEN_WITHIN)

    def _refused(self, method: str, path: str, wanted: int) -> str | None:
        status, said = self.api.ask(method, path, self.api.admin)
        return None if status == wanted else told(method, path, status, said)

    def charge(self, secret: str) -> tuple[int, dict]:
        """Posts a charge in test mode, signed with `secret`, as Stripe would."""
        created = int(time.time() + self.clock_ahead)
        charge = {
            "id": f"ch_smoke_{self.mark}",
            "object": "charge",
            "amount": AMOUNT,
            "amount_captured": AMOUNT,
            "captured": True,
            "created": created,
            "currency": CURRENCY.lower(),
            "livemode": False,
            "status": "succeeded",
        }
        event = {
            "id": f"evt_smoke_{self.mark}",
            "object": "event",
            "type": "charge.succeeded",
            "created": created,
            "livemode": False,
            "data": {"object": charge},
        }
        body = json.dumps(event).encode()
        signed = hmac.new(secret.encode(), f"{created}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={created},v1={signed}"}
        return self.api.ask("POST", f"/webhooks/stripe/{self.name}", headers, body)

    def webhook(self) -> str:
        def look() -> str | None:
            # An environment may know the name from an earlier run, with another secret, for a minute.
            status, said = self.charge(self.signing)
            if status == 200 and said.get("outcome") in ("stored", "known"):
                return None
            return told("POST", f"/webhooks/stripe/{self.name}", status, said)

        until(look, SEEN_WITHIN + 30)
        return "a signed charge is stored"

    def forgery(self) -> str:
        status, said = self.charge("whsec_of_somebody_else")
        if status != 400:
            raise Failed(f"a charge with a forged signature: {status} instead of 400 {said.get('detail', '')}")
        return "a forged one is refused"

    def lead(self) -> str:
        body = {"email": self.person, "name": "Smoke Test", "message": self.mark}
        self.lead_id = self.api.expect(201, "POST", "/leads", self.api.ingest, body)["lead_id"]
        until(lambda: self._refused("GET", f"/leads/{self.lead_id}", 200), SEEN_WITHIN)
        return f"stored, and listed as {self.lead_id}"

    def event(self) -> str:
        body = {
            "userId": self.person,
            "sessionId": self.mark,
            "type": "smoke_test",
            "eventId": f"smoke-{self.mark}",
        }
        said = self.api.expect(202, "POST", "/events", self.api.ingest, body)
        if not said.get("success"):
            raise Failed(f"POST /events: {said.get('message')}")
        return f"stored as {said['eventId']}"

    def events(self) -> list[str]:
        said = self.api.read(f"/users/{quote(self.person, safe='')}/journey")
        return [event["eventId"] for event in said["events"]]

    def journey(self) -> str:
        wanted = f"smoke-{self.mark}"
        until(lambda: None if wanted in self.events() else "the event is in no journey", SEEN_WITHIN)
        return "the event is in it"

    def sums(self) -> tuple[str, str]:
        """Returns the connection's revenue by the summary, and by the days."""
        now = time.time() + self.clock_ahead
        day = lambda at: time.strftime("%Y-%m-%d", time.gmtime(at))
        query = {
            "connection": self.name,
            "currency": CURRENCY,
            "startDate": day(now - 86_400),
            "endDate": day(now + 86_400),
        }
        summary = self.api.read("/metrics/revenue/summary", query)["totalRevenueCents"]
        days = self.api.read("/metrics/revenue/daily", query)["breakdown"]
        return summary, str(sum(int(day["amountCents"]) for day in days))

    def revenue(self) -> str:
        def look() -> str | None:
            sums = self.sums()
            return None if sums == (str(AMOUNT), str(AMOUNT)) else f"{sums} instead of {AMOUNT} by summary and days"

        until(look, SEEN_WITHIN)
        return f"{AMOUNT} by the summary, and by its days"

    def erase(self) -> str:
        until(lambda: self._refused("DELETE", f"/connections/{self.name}?erase=true", 202), SEEN_WITHIN)
        return f"{self.name} is being erased, and {self.person} with it"

    def gone(self) -> str:
        def look() -> str | None:
            if events := self.events():
                return f"{len(events)} events are still there"
            if (sums := self.sums()) != ("0", "0"):
                return f"revenue of {sums[0]} is still there"
            if self.lead_id:
                return self._refused("GET", f"/leads/{self.lead_id}", 404)
            return None

        try:
            until(look, self.wait)
        except Failed as error:
            raise Failed(f"{error}: relay deletes them, once a minute; does its schedule run?") from None
        return "no lead, no event and no revenue is left"


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Try a deployment from outside: health, a signed webhook, a lead, an event, a journey, revenue.",
        epilog="Wants KEY, an admin key, and INGEST_KEY, an ingest key, in the environment.",
    )
    parser.add_argument("--url", required=True, help="the API's URL with its stage: the stack's output HttpApiUrl")
    parser.add_argument("--wait", type=float, default=180, help="seconds at most until all of it is gone")
    wanted = parser.parse_args()
    if not wanted.url.startswith(("https://", "http://")):
        parser.error("--url must begin with https:// (make smoke URL=https://...)")
    keys = {name: os.environ.get(name, "").strip() for name in ("KEY", "INGEST_KEY")}
    if missing := [name for name, key in keys.items() if not key]:
        scope = {"KEY": "admin", "INGEST_KEY": "ingest"}
        made = " and ".join(f"{name}: `make key SCOPE={scope[name]} NAME=smoke`" for name in missing)
        parser.error(f"a key is missing. {made}")
    try:
        smoke = Smoke(Api(wanted.url, keys["KEY"], keys["INGEST_KEY"]), wanted.wait)
        well = smoke.run()
    except KeyboardInterrupt:
        raise SystemExit("smoke: interrupted") from None
    print("smoke: all is well" if well else f"smoke: FAILED: {', '.join(smoke.failed)}")
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
