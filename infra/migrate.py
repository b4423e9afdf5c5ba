"""Invokes a stack's migrate function, on AWS or (AWS_ENDPOINT_URL set) on LocalStack.

    migrate.py schema --stack NAME                            bring the schema up to date
    migrate.py key    --stack NAME --scope read --name WHO    register a new API key, print it once

A key is made here and only its SHA-256 leaves this machine. Wants boto3: .local/venv/bin/python.
"""

import argparse
import hashlib
import json
import os
import secrets
import sys

import boto3
from botocore.config import Config


def invoke(stack: str, payload: dict) -> str:
    """The function's reply; ends the program with the function's own error where it failed."""
    url = os.environ.get("PENSTOCK_LOCALSTACK_URL") or os.environ.get("AWS_ENDPOINT_URL")
    if url:  # LocalStack takes any, but wants some
        os.environ.setdefault("AWS_ACCESS_KEY_ID", "test")
        os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "test")
        os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    # A migration may take minutes, and must not be sent twice.
    patient = Config(read_timeout=310, retries={"total_max_attempts": 1})
    answer = boto3.client("lambda", endpoint_url=url or None, config=patient).invoke(
        FunctionName=f"{stack}-migrate", Payload=json.dumps(payload)
    )
    reply = answer["Payload"].read().decode()
    if "FunctionError" in answer:
        raise SystemExit(f"{stack}-migrate failed: {reply}")
    return reply


def main() -> None:
    parser = argparse.ArgumentParser(description="Invoke a stack's migrate function.")
    parser.add_argument("verb", choices=["schema", "key"])
    parser.add_argument("--stack", required=True)
    parser.add_argument("--scope", default="read", choices=["read", "ingest", "admin"])
    parser.add_argument("--name", default="")
    wanted = parser.parse_args()
    if wanted.verb == "schema":
        print(f"{wanted.stack}-migrate: {invoke(wanted.stack, {})}", file=sys.stderr)
        return
    if not wanted.name:
        parser.error("--name is needed: who will use the key")
    key = f"penstock_{wanted.scope}_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    invoke(wanted.stack, {"apiKey": {"name": wanted.name, "scope": wanted.scope, "sha256": digest}})
    print(f"The {wanted.scope} key of {wanted.name}. It is shown this once:", file=sys.stderr)
    print(key)


if __name__ == "__main__":
    main()
