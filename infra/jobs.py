"""Replays what has failed, reads stored versions again, or erases a person, on AWS or (AWS_ENDPOINT_URL set) on LocalStack.

    jobs.py replay --stack NAME [--filter '{"reason": "no map knows"}'] --why TEXT [--rate 50] [--yes]
    jobs.py remap  --stack NAME [--filter '{"source": "hubspot", "unmapped": true}'] --why TEXT [--rate 50] [--yes]
    jobs.py erase  --stack NAME --filter '{"email": "anna@example.com"}' --why TEXT [--rate 50] [--yes]

Shows by a dry run how many rows there are and the first of them, asks, starts the job and follows it to its end. A
remap that is too large for one job goes on with the next. Ctrl-C ends the watching, not the job. Invokes the stack's
admin function: whoever may do that needs no API key. Wants boto3: .local/venv/bin/python.
"""

import argparse
import json
import sys
import time

import stack_functions

# Seconds between two looks at a job. `relay` works it once a minute.
PAUSE = 5


class Refused(Exception):
    """The function refuses. The message is for the operator."""


def invoke(stack: str, command: dict) -> dict:
    """Returns the body of the reply. A refusal is an error that says what is wrong with which field."""
    reply = stack_functions.invoke(stack_functions.client(), f"{stack}-admin", {"operator": command})
    if "status" not in reply:
        raise Refused("The deployed admin function knows no jobs: deploy this release first.")
    body = reply["body"]
    if reply["status"] >= 400:
        faults = [f"  {fault['pointer']} {fault['detail']}" for fault in body["errors"]]
        raise Refused("\n".join([body["detail"], *faults]))
    return body


def show(plan: dict) -> None:
    more = " at first; more match, and follow" if plan["capped"] else ""
    print(f"{plan['items']} rows{more}")
    for item in plan["first"]:
        about = [item["connection"], item["entity"], item["externalId"], item["reason"]]
        print("  " + "  ".join(str(part) for part in (about if item["reason"] else item["key"]) if part))


def agreed(yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise Refused("Nobody is asked without a terminal: --yes (YES=1) starts it.")
    return input("Start it? [y/N] ").strip().lower() == "y"


def follow(stack: str, job: str) -> dict:
    """Returns the job once it has ended, and shows meanwhile how far it is."""
    said = None
    while True:
        told = invoke(stack, {"do": "job", "id": job})
        report = told["report"]
        words = [f"{count} {name}" for name, count in report.items() if name != "reasons" and count]
        line = f"{told['state']}: {', '.join(words) or 'nothing to do'}"
        if line != said:
            print(line, flush=True)
            said = line
        if told["state"] in ("completed", "stopped"):
            return told
        time.sleep(PAUSE)


def search(stack: str, plan: dict) -> dict:
    """Returns the plan once all tables were searched. The first of its items are those that the reply had."""
    print("Searching. Large tables take a while: Ctrl-C ends the watching, and the search goes on.", flush=True)
    while True:
        told = invoke(stack, {"do": "job", "id": plan["token"]})
        if told["state"] != "searching":
            return plan | {"items": told["items"], "capped": told["capped"]}
        time.sleep(PAUSE)


def run(wanted: argparse.Namespace) -> None:
    chosen = json.loads(wanted.filter or "{}")
    while True:
        plan = invoke(wanted.stack, {"do": wanted.do, "request": {"dryRun": True, "filter": chosen}})
        if plan.get("searching"):
            plan = search(wanted.stack, plan)
        show(plan)
        # A person of whom nothing is here is kept out all the same.
        if not (plan["items"] or wanted.do == "erase") or not agreed(wanted.yes):
            return
        request = {"token": plan["token"], "why": wanted.why, "rate": wanted.rate}
        job = invoke(wanted.stack, {"do": wanted.do, "request": request})
        told = follow(wanted.stack, job["jobId"])
        for reason in told["report"]["reasons"]:
            print(f"  {reason['count']} {reason['outcome']}: {reason['reason']}")
        # A replay takes what it has replayed off the list, a remap does not.
        if not told["capped"] or wanted.do != "remap":
            return
        chosen["continueAt"] = told["continueAt"]
        wanted.yes = True


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("do", choices=["replay", "remap", "erase"])
    parser.add_argument("--stack", required=True)
    parser.add_argument("--filter", default="")
    parser.add_argument("--why", required=True)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--yes", action="store_true")
    wanted = parser.parse_args()
    if not wanted.why:
        sys.exit(f"{wanted.do}: WHY says the reason, for whoever reads the job later")
    try:
        run(wanted)
    except json.JSONDecodeError as error:
        sys.exit(f"{wanted.do}: FILTER is no JSON: {error}")
    except Refused as refused:
        sys.exit(f"{wanted.do}: {refused}")
    except KeyboardInterrupt:
        sys.exit("\nThe job goes on. GET /admin/jobs shows it.")


main()
