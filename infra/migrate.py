"""Invokes a stack's migrate function, on AWS or (AWS_ENDPOINT_URL set) on LocalStack.

    migrate.py schema --stack NAME                            bring the schema up to date, register bootstrap keys
    migrate.py key    --stack NAME --scope read --name WHO [--rate 50]
                                                              register a new API key, print it once
    migrate.py revoke --stack NAME --key ID_OR_NAME           end a key, or all keys of a name
    migrate.py keys   --stack NAME                            list the keys, revoked ones too

A key is made here and only its SHA-256 leaves this machine. The function returns the key's mark, which proves
without a look-up that the deployment has made the key. Wants boto3: .local/venv/bin/python.
"""

import argparse
import hashlib
import json
import secrets
import sys
import uuid

import stack_functions

COLUMNS = {
    "id": "id",
    "name": "name",
    "scope": "scope",
    "ratePerSecond": "rate",
    "createdAt": "created",
    "revokedAt": "revoked",
}


def invoke(stack: str, payload: dict) -> dict:
    return stack_functions.invoke(stack_functions.client(), f"{stack}-migrate", payload)


def make(stack: str, scope: str, name: str, rate: int | None) -> None:
    key = f"penstock_{scope}_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    wanted = {"name": name, "scope": scope, "sha256": digest, "ratePerSecond": rate}
    mark = invoke(stack, {"apiKey": wanted}).get("keyMark")
    if mark is None:
        print("The deployed migrate function makes no marks: deploy this release, then make another key.", file=sys.stderr)
    print(f"The {scope} key of {name}. It is shown this once:", file=sys.stderr)
    key = key if mark is None else f"{key}.{mark}"
    print(key)
    if scope == "ingest":
        url = stack_functions.api_url(stack)
        print(f"A form builder that can set no header posts its leads to {url}/leads/{key}", file=sys.stderr)


def revoke(stack: str, which: str) -> None:
    try:
        wanted = {"id": str(uuid.UUID(which))}
    except ValueError:
        wanted = {"name": which}
    ended = invoke(stack, {"revokeApiKey": wanted})["keysRevoked"]
    print(f"Revoked {ended} key{'' if ended == 1 else 's'}; in use for 30 seconds more at most.", file=sys.stderr)


def table(stack: str) -> None:
    keys = invoke(stack, {"listApiKeys": True})["apiKeys"]
    rows = [list(COLUMNS.values())]
    rows += [["-" if key[column] is None else str(key[column]) for column in COLUMNS] for key in keys]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def main() -> None:
    parser = argparse.ArgumentParser(description="Invoke a stack's migrate function.")
    parser.add_argument("verb", choices=["schema", "key", "revoke", "keys"])
    parser.add_argument("--stack", required=True)
    parser.add_argument("--scope", default="read", choices=["read", "ingest", "admin"])
    parser.add_argument("--name", default="", help="who will use the new key")
    parser.add_argument("--rate", type=int, help="requests a second of the new key; default: the template's")
    parser.add_argument("--key", default="", help="the id of the key to revoke, or the name of the keys")
    wanted = parser.parse_args()
    if wanted.verb == "schema":
        print(f"{wanted.stack}-migrate: {json.dumps(invoke(wanted.stack, {}))}", file=sys.stderr)
    elif wanted.verb == "key":
        if not wanted.name:
            parser.error("--name is needed: who will use the key")
        if wanted.rate is not None and wanted.rate < 1:
            parser.error("--rate must be above zero")
        make(wanted.stack, wanted.scope, wanted.name, wanted.rate)
    elif wanted.verb == "revoke":
        if not wanted.key:
            parser.error("--key is needed: the id of a key, or the name of several")
        revoke(wanted.stack, wanted.key)
    else:
        table(wanted.stack)


if __name__ == "__main__":
    main()
