"""Compares a vendor's lists with what a stack has, day by day, mends what differs, and compares again.

    reconcile.py --stack NAME --source stripe [--entity charge] [--wait SECONDS]

Invokes the stack's fetch function, on AWS or (AWS_ENDPOINT_URL set) on LocalStack, until it is through. Exit code: 0
where both sides are equal in the end, 1 where differences remain or it is not through in time. Wants boto3:
.local/venv/bin/python.
"""

import argparse
import sys
import time

import stack_functions

# The entities of each source that are compared.
ENTITIES = {"stripe": ["charge", "refund", "dispute"]}

COLUMNS = ["day", "kind", "status", "currency", "theirs", "ours"]

# Seconds between two requests.
PAUSE = 5


def reconcile(on, stack: str, source: str, entity: str, until: float) -> dict | None:
    """Returns the report; None if the run does not end in time. It then goes on by itself."""
    request = {"source": source, "entity": entity, "mode": "reconcile"}
    begun = False
    while time.monotonic() < until:
        # A person has asked: a reconciliation that is paused is tried at once.
        words = {"resume": True} if begun else {"unpause": True}
        reply = stack_functions.invoke(on, f"{stack}-fetch", request | words)
        if reply["outcome"] == "reconciled" and reply["ended"]:
            return reply
        # Busy before our run began: another run is open, and its report serves as well.
        begun = True
        time.sleep(PAUSE)
    return None


def side(count: int, amount: str) -> str:
    return f"{count} = {amount}"


def show(differences: list[dict]) -> None:
    rows = [COLUMNS]
    for d in differences:
        theirs, ours = side(d["theirs_count"], d["theirs"]), side(d["ours_count"], d["ours"])
        rows.append([d["day"], d["kind"], d["status"], d["currency"], theirs, ours])
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def tell(source: str, entity: str, report: dict | None) -> bool:
    """Prints the report. Returns whether both sides are equal."""
    if report is None:
        print(f"{source} {entity}: not through yet; it goes on by itself - ask again")
        return False
    found, remaining = report["found"], report["remaining"]
    print(f"{source} {entity}: {found} differences found, {remaining} remain (run {report['run']})")
    if found:
        print("  found (count = sum in minor units):")
        show(report["found_differences"])
    if remaining:
        print("  remaining:")
        show(report["remaining_differences"])
    return remaining == 0


def main() -> None:
    parser = argparse.ArgumentParser(description="Reconcile a source with what a stack has of it.")
    parser.add_argument("--stack", required=True)
    parser.add_argument("--source", required=True, choices=sorted(ENTITIES))
    parser.add_argument("--entity", help="one kind only")
    parser.add_argument("--wait", type=int, default=3600, help="seconds at most")
    wanted = parser.parse_args()
    known = ENTITIES[wanted.source]
    if wanted.entity and wanted.entity not in known:
        parser.error(f"--entity must be one of {', '.join(known)}")
    on, until = stack_functions.client(), time.monotonic() + wanted.wait
    equal = True
    for entity in [wanted.entity] if wanted.entity else known:
        report = reconcile(on, wanted.stack, wanted.source, entity, until)
        equal = tell(wanted.source, entity, report) and equal
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
