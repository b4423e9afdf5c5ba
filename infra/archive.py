"""Copies all that is in a stack's database to its bucket, and writes files of some days again whose objects are gone.

    archive.py --stack NAME --from 2026-11-01 --to 2026-11-30 [--table events] [--wait SECONDS]

Invokes the stack's archive function, on AWS or (AWS_ENDPOINT_URL set) on LocalStack, until all days are complete and no
file is left to be written. Rows that are in files already are not copied again. Exit code: 0 where all is done, 1 where it
is not done in time. Wants boto3: .local/venv/bin/python.
"""

import argparse
import datetime
import sys
import time

import stack_functions

# Days that one invocation looks through.
STRETCH = 7

# Seconds between two requests, where the function is busy or the store is away.
PAUSE = 10


def stretches(first: datetime.date, last: datetime.date):
    """Yields the days from first to last in stretches, each with its own first and last day."""
    while first <= last:
        end = min(last, first + datetime.timedelta(days=STRETCH - 1))
        yield first, end
        first = end + datetime.timedelta(days=1)


def copy(on, stack: str, days: dict, until: float) -> dict | None:
    """Returns the sums of all replies; None if the days are not complete in time."""
    done = {"files": 0, "rows": 0, "bytes": 0, "repaired": 0, "withdrawn": 0}
    while time.monotonic() < until:
        reply = stack_functions.invoke(on, f"{stack}-archive", {"archive": days})
        if "complete" not in reply:
            print("nothing is copied: the stack has no ArchiveBucketName")
            sys.exit(1)
        done = {name: count + reply[name] for name, count in done.items()}
        if reply["complete"] and reply["left"] == 0:
            return done
        # A file that cannot be written rests, and others may be written by the schedule's invocation.
        if reply["files"] == 0:
            time.sleep(PAUSE)
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description="Copy what is there to the bucket of a stack.")
    parser.add_argument("--stack", required=True)
    parser.add_argument("--from", dest="first", required=True, type=datetime.date.fromisoformat)
    parser.add_argument("--to", dest="last", required=True, type=datetime.date.fromisoformat)
    parser.add_argument("--table", help="one table only")
    parser.add_argument("--wait", type=int, default=6 * 3600, help="seconds at most")
    wanted = parser.parse_args()
    if wanted.first > wanted.last:
        parser.error("--from is after --to")
    on, until = stack_functions.client(), time.monotonic() + wanted.wait
    for first, last in stretches(wanted.first, wanted.last):
        days = {"from": first.isoformat(), "to": last.isoformat()}
        if wanted.table:
            days["table"] = wanted.table
        done = copy(on, wanted.stack, days, until)
        if done is None:
            print(f"{first} to {last}: not through yet; files go on by themselves - ask again")
            sys.exit(1)
        said = f"{done['files']} files, {done['rows']} rows, {done['bytes']} bytes written"
        lost = f"; {done['withdrawn']} files had no rows left in Postgres" if done["withdrawn"] else ""
        print(f"{first} to {last}: complete; {said}, {done['repaired']} lost objects{lost}")


if __name__ == "__main__":
    main()
