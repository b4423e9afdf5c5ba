"""Connects accounts of vendors to a stack and changes connections, on AWS or (AWS_ENDPOINT_URL set) on LocalStack.

    connect.py connect --stack NAME --name stripe-eu --source stripe [--settings "livemode=true rate_per_second=10"]
                       [--key-file FILE | --key-secret SECRET] [--signing-file FILE | --signing-secret SECRET]
    connect.py list    --stack NAME
    connect.py pause   --stack NAME --name stripe-eu       it is not pulled until it is resumed
    connect.py resume  --stack NAME --name stripe-eu
    connect.py remove  --stack NAME --name stripe-eu       it ends; its rows stay and count
    connect.py erase   --stack NAME --name stripe-eu       it ends, and its rows are deleted

Invokes the stack's admin function: whoever may do that needs no API key. A key is typed without echo or read from a
file (`-` is stdin), and is on no command line. A file with signing secrets has one in each line. Wants boto3:
.local/venv/bin/python.
"""

import argparse
import getpass
import shlex
import sys
from pathlib import Path

import stack_functions

COLUMNS = {
    "name": "name",
    "source": "source",
    "state": "state",
    "declared": "by",
    "hasSigningSecret": "webhooks",
    "settings": "settings",
    "changedAt": "changed",
}


class Refused(Exception):
    """The function refuses. The message is for the operator."""


def invoke(stack: str, command: dict) -> dict:
    """Returns the body of the reply. A refusal is an error that says what is wrong with which field."""
    reply = stack_functions.invoke(stack_functions.client(), f"{stack}-admin", {"operator": command})
    if "status" not in reply:
        raise Refused("The deployed admin function knows no connections: deploy this release first.")
    body = reply["body"]
    if reply["status"] >= 400:
        faults = [f"  {fault['pointer'].removeprefix('#/')} {fault['detail']}" for fault in body["errors"]]
        raise Refused("\n".join([body["detail"], *faults]))
    return body


def connections(stack: str) -> list[dict]:
    return invoke(stack, {"do": "list"})["connections"]


def known(stack: str, name: str) -> dict | None:
    """Returns the connection if it is open."""
    found = [it for it in connections(stack) if it["name"] == name and it["state"] in ("active", "paused")]
    return found[0] if found else None


def read(path: str) -> str:
    return sys.stdin.read() if path == "-" else Path(path).expanduser().read_text()


def typed(what: str) -> str:
    """Asks for a secret without echo. Without a terminal there is nobody to ask."""
    return getpass.getpass(f"{what}: ").strip() if sys.stdin.isatty() else ""


def settings(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in shlex.split(text)]
    bad = [name for name, equals, _ in pairs if not (name and equals)]
    if bad:
        raise Refused(f"SETTINGS are name=value with spaces between; {bad[0]!r} is none")
    return {name: value for name, _, value in pairs}


def body(wanted: argparse.Namespace, before: dict | None) -> dict:
    """Returns the body of the request. What it leaves out stays as it is."""
    source = wanted.source or (before or {}).get("source")
    if not source:
        raise Refused("SOURCE is needed for a new connection, such as SOURCE=stripe")
    said: dict = {"source": source}
    if wanted.settings:
        said["settings"] = settings(wanted.settings)
    keep = " (empty: keep the one that is there)" if before else ""
    if wanted.key_secret:
        said["keySecret"] = wanted.key_secret
    elif wanted.key_file:
        said["key"] = read(wanted.key_file)
    elif key := typed(f"The key of {source}{keep}"):
        said["key"] = key
    elif not before:
        raise Refused("a new connection needs a key: type it, or give KEY_FILE (- is stdin) or KEY_SECRET")
    if wanted.signing_secret:
        said["signingSecret"] = wanted.signing_secret
    elif wanted.signing_file:
        said["signingSecrets"] = [line.strip() for line in read(wanted.signing_file).splitlines() if line.strip()]
    # Google signs nothing: its channels have a secret that the stack makes.
    elif source != "gcal" and (secret := typed(f"The secret that signs its webhooks{keep or ' (empty: none)'}")):
        said["signingSecrets"] = [secret]
    return said


def connect(wanted: argparse.Namespace) -> None:
    if wanted.key_file == "-" and wanted.signing_file == "-":
        raise Refused("KEY_FILE and SIGNING_FILE cannot both be stdin")
    before = known(wanted.stack, wanted.name)
    command = {"do": "connect", "name": wanted.name, "connection": body(wanted, before)}
    made = invoke(wanted.stack, command)
    word = "is connected" if before is None else "is as wanted"
    print(f"{made['name']} {word}: {made['source']}, {made['state']}, revision {made['revision']}.")
    if before is None:
        print("Its first runs are requested. `make connections` lists it, and /readyz says when it is fresh.")
    if made["hasSigningSecret"] and made["source"] != "gcal":
        print(f"Its webhooks go to {stack_functions.api_url(wanted.stack)}{made['webhookPath']}")


def move(wanted: argparse.Namespace) -> None:
    made = invoke(wanted.stack, {"do": wanted.verb, "name": wanted.name})
    print(f"{made['name']} is {made['state']}.")


def remove(wanted: argparse.Namespace) -> None:
    erase = wanted.verb == "erase"
    if erase and not wanted.yes:
        print(f"All rows of {wanted.name} will be deleted. This cannot be undone.", file=sys.stderr)
        again = input("Type its name again: ") if sys.stdin.isatty() else ""
        if again.strip() != wanted.name:
            raise Refused("nothing is erased: the name was not typed again (YES=1 where nobody can type)")
    told = invoke(wanted.stack, {"do": "remove", "name": wanted.name, "erase": erase})
    print(f"{told['connection']['name']} is {told['connection']['state']}. {told['message']}")
    if told["accounts"]:
        print(f"So are the accounts that were read with its key: {', '.join(told['accounts'])}")


def cell(connection: dict, column: str) -> str:
    value = connection[column]
    if column == "declared":
        return connection["parent"] or ("template" if value else "make connect")
    if column == "settings":
        return " ".join(f"{name}={text}" for name, text in value.items()) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)


def table(wanted: argparse.Namespace) -> None:
    rows = [list(COLUMNS.values())]
    rows += [[cell(connection, column) for column in COLUMNS] for connection in connections(wanted.stack)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())


VERBS = {"connect": connect, "list": table, "pause": move, "resume": move, "remove": remove, "erase": remove}


def main() -> None:
    parser = argparse.ArgumentParser(description="Connect accounts of vendors to a stack.")
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("--stack", required=True)
    parser.add_argument("--name", default="", help="the connection, such as stripe-eu")
    parser.add_argument("--source", default="", help="the vendor of a new connection")
    parser.add_argument("--settings", default="", help="name=value with spaces between; they replace all that are set")
    parser.add_argument("--key-file", default="", help="a file with the key; - is stdin")
    parser.add_argument("--key-secret", default="", help="the name of a secret that holds it, below the stack's prefix")
    parser.add_argument("--signing-file", default="", help="a file with signing secrets, one a line; - is stdin")
    parser.add_argument("--signing-secret", default="", help="the name of a secret that holds them")
    parser.add_argument("--yes", action="store_true", help="erase without asking")
    wanted = parser.parse_args()
    if wanted.verb != "list" and not wanted.name:
        parser.error("--name is needed: which connection")
    try:
        VERBS[wanted.verb](wanted)
    except (Refused, OSError) as error:
        raise SystemExit(f"{wanted.name or wanted.verb}: {error}") from None


if __name__ == "__main__":
    main()
