"""Deploys infra/template.yaml to LocalStack: what `sam package && sam deploy` do against AWS.

    deploy.py create --stack NAME --database-url URL [--binaries target/debug] [--strip] [--link]
                     [--lean] [--parameter K=V]...
    deploy.py delete --stack NAME

`create` updates a stack that exists. A source is configured where its key is in the environment: STRIPE_API_KEY,
HUBSPOT_TOKEN, GCAL_SERVICE_ACCOUNT (the text of the key file; with it --parameter GcalCalendarId=...). THIRD_PARTY_KEY,
CALL_BACK_SECRET and NOTIFY_SECRET are those of transactions (with them --parameter ThirdPartyBaseUrl=...). API_KEY_SECRET
makes the marks of API keys in place of the stack's random secret, so that keys outlive it. A command line is
everybody's to read. What was made comes as one JSON object on stdout: the stack's outputs, and how many
resources it has of each type; progress on stderr. Wants AWS_ENDPOINT_URL, which `stack.py with --localstack` sets. All names derive from the
stack's, so several live side by side. A zip of a debug build is copied three times on its way through
LocalStack, some seconds a stack; with `--link`, for tests, the same binary runs from where it lies.
"""

import argparse
import collections
import fcntl
import gc
import json
import os
import platform
import sys
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

sys.dont_write_bytecode = True
import boto3
from botocore.exceptions import ClientError

import packages
import template as penstock

ROOT = Path(__file__).resolve().parents[2]
BUCKET = "penstock-deployments"
STARTED = time.monotonic()

# The template's parameter, the end of the secret's name, the variable with its value, and what it
# is without one.
SECRETS = [
    ("StripeSecretArn", "stripe", "STRIPE_API_KEY", ""),
    ("StripeWebhookSecretArn", "stripe-webhook", "STRIPE_WEBHOOK_SECRET", "whsec_local"),
    ("HubSpotSecretArn", "hubspot", "HUBSPOT_TOKEN", ""),
    ("HubSpotWebhookSecretArn", "hubspot-webhook", "HUBSPOT_WEBHOOK_SECRET", ""),
    ("GcalSecretArn", "gcal", "GCAL_SERVICE_ACCOUNT", ""),
    ("GcalChannelSecretArn", "gcal-channel", "GCAL_CHANNEL_SECRET", ""),
    ("ThirdPartySecretArn", "third-party", "THIRD_PARTY_KEY", ""),
    ("CallBackSecretArn", "call-back", "CALL_BACK_SECRET", ""),
    ("NotifySecretArn", "notify", "NOTIFY_SECRET", ""),
]


def say(message: str) -> None:
    print(f"deploy: {time.monotonic() - STARTED:4.1f} s  {message}", file=sys.stderr, flush=True)


def code(binary: Path, strip: bool, link: bool) -> dict[str, str]:
    """The CodeUri of a binary: a zip in the deployment bucket, uploaded unless it is there, or with
    `link` a directory that LocalStack runs in place, by the bucket name it has for that."""
    if link:
        return {"Bucket": "hot-reload", "Key": str(packages.unpacked(binary, strip))}
    archive, s3 = packages.zipped(binary, strip), boto3.client("s3")
    try:
        s3.head_object(Bucket=BUCKET, Key=archive.name)
    except ClientError:
        s3.create_bucket(Bucket=BUCKET)
        s3.upload_file(str(archive), BUCKET, archive.name)
        say(f"uploaded {binary.name}: {archive.stat().st_size / 1e6:.1f} MB")
    return {"Bucket": BUCKET, "Key": archive.name}


def put_secret(name: str, value: str) -> str:
    """Creates or overwrites a secret; returns its ARN."""
    secrets = boto3.client("secretsmanager")
    try:
        return secrets.create_secret(Name=name, SecretString=value)["ARN"]
    except secrets.exceptions.ResourceExistsException:
        return secrets.put_secret_value(SecretId=name, SecretString=value)["ARN"]


def secret_parameters(stack: str) -> dict[str, str]:
    """The parameters that name secrets. An empty one switches its source off."""
    values = [(key, end, os.environ.get(name) or default) for key, end, name, default in SECRETS]
    return {key: put_secret(f"{stack}-{end}", value) if value else "" for key, end, value in values}


def parameters(wanted: argparse.Namespace) -> dict[str, str]:
    """The template's parameters: those that one machine needs, then those of the caller."""
    url = urlsplit(wanted.database_url)
    database = {
        "username": unquote(url.username or "postgres"),
        "password": unquote(url.password or ""),
        "host": url.hostname,
        "port": url.port or 5432,
        "dbname": unquote(url.path.lstrip("/")) or "postgres",
    }
    return {
        "DatabaseSecretArn": put_secret(f"{wanted.stack}-database", json.dumps(database)),
        **secret_parameters(wanted.stack),
        "DatabaseLogins": "own",
        "DatabaseHost": database["host"],
        "DatabasePort": str(database["port"]),
        "DatabaseName": database["dbname"],
        "DatabaseTls": "disable",
        "Architecture": "arm64" if platform.machine() == "aarch64" else "x86_64",
        **dict(pair.split("=", 1) for pair in wanted.parameter),
    }


def uploaded(name: str, text: str) -> str:
    """The URL of the template in S3: CloudFormation accepts at most 51,200 bytes in a request."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=name, Body=text.encode())
    return f"{s3.meta.endpoint_url}/{BUCKET}/{name}"


def create(wanted: argparse.Namespace) -> None:
    template = penstock.load()
    for properties in penstock.functions(template).values():
        binary = Path(wanted.binaries) / penstock.short_name(properties)
        properties["CodeUri"] = code(binary, wanted.strip, wanted.link)
    values = parameters(wanted)
    if wanted.lean:
        import lean  # a second and a half

        template = lean.of(template, values)
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]
    request = {
        "StackName": wanted.stack,
        "TemplateURL": uploaded(f"{wanted.stack}.template.json", json.dumps(template)),
        "Parameters": given,
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    cloudformation = boto3.client("cloudformation")
    # One at a time: LocalStack sometimes fails a stack, without a reason, if it makes many at once.
    with open(ROOT / ".local/deploy.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if status(wanted.stack) is None:
            say(f"creating stack {wanted.stack}")
            cloudformation.create_stack(**request)
        else:
            say(f"updating stack {wanted.stack}")
            try:
                cloudformation.update_stack(**request)
            except ClientError as error:
                if "No updates" not in str(error):
                    raise
        ended = settle(wanted.stack)
    if not ended.endswith(("CREATE_COMPLETE", "UPDATE_COMPLETE")):
        for event in cloudformation.describe_stack_events(StackName=wanted.stack)["StackEvents"]:
            if "FAILED" in event["ResourceStatus"]:
                say(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}")
        raise SystemExit(f"deploying {wanted.stack} ended as {ended}")
    say(ended)
    stack = cloudformation.describe_stacks(StackName=wanted.stack)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    if secret := os.environ.get("API_KEY_SECRET"):
        boto3.client("secretsmanager").put_secret_value(SecretId=outputs["ApiKeySecretArn"], SecretString=secret)
    listed = resources(wanted.stack)
    counts = dict(collections.Counter(of_type for of_type, _ in listed))
    mappings = [name for of_type, name in listed if of_type == "AWS::Lambda::EventSourceMapping"]
    made = {"Outputs": outputs, "Resources": counts, "Mappings": mappings}
    print(json.dumps(made, indent=2), flush=True)


def resources(stack: str) -> list[tuple[str, str]]:
    """Returns the type and the physical id of each of the stack's resources."""
    pages = boto3.client("cloudformation").get_paginator("list_stack_resources")
    listed = pages.paginate(StackName=stack).search("StackResourceSummaries[].[ResourceType, PhysicalResourceId]")
    return [(of_type, name) for of_type, name in listed]


def status(stack: str) -> str | None:
    """Returns the stack's status; None if there is no such stack."""
    try:
        found = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError:
        return None
    return None if found[0]["StackStatus"] == "DELETE_COMPLETE" else found[0]["StackStatus"]


def settle(stack: str, limit_s: float = 180) -> str:
    """Waits until no change is in progress. Returns the status; DELETE_COMPLETE if it is gone."""
    started = time.monotonic()
    while time.monotonic() - started < limit_s:
        found = status(stack)
        if found is None:
            return "DELETE_COMPLETE"
        if not found.endswith("IN_PROGRESS"):
            return found
        time.sleep(0.1)
    raise SystemExit(f"stack {stack} is still {found} after {limit_s:.0f} s")


def delete(wanted: argparse.Namespace) -> None:
    boto3.client("cloudformation").delete_stack(StackName=wanted.stack)
    ended = settle(wanted.stack)
    secrets = boto3.client("secretsmanager")
    for end in ["database", *(end for _, end, _, _ in SECRETS)]:
        try:
            secrets.delete_secret(SecretId=f"{wanted.stack}-{end}", ForceDeleteWithoutRecovery=True)
        except secrets.exceptions.ResourceNotFoundException:
            pass  # of a source that this stack never had
    for page in secrets.get_paginator("list_secrets").paginate(IncludePlannedDeletion=True):
        for secret in page["SecretList"]:
            if secret["Name"].startswith(f"penstock/{wanted.stack}/"):  # of connections
                secrets.delete_secret(SecretId=secret["ARN"], ForceDeleteWithoutRecovery=True)
    if ended != "DELETE_COMPLETE":
        raise SystemExit(f"deleting {wanted.stack} ended as {ended}")
    say(f"deleted {wanted.stack}")


def main() -> None:
    gc.disable()  # it makes much, throws little away and ends soon
    parser = argparse.ArgumentParser(description="Deploy Penstock to LocalStack.")
    parser.add_argument("verb", nargs="?", choices=["create", "delete"], default="create")
    parser.add_argument("--stack", required=True)
    parser.add_argument("--binaries", default=str(ROOT / "target/debug"))
    parser.add_argument("--strip", action="store_true", help="leave symbols out")
    parser.add_argument("--link", action="store_true", help="run in place, without zip and S3")
    parser.add_argument("--lean", action="store_true", help="without what does nothing in LocalStack")
    parser.add_argument("--database-url", default=os.environ.get("DATABASE_URL"))
    parser.add_argument("--parameter", action="append", default=[], metavar="KEY=VALUE")
    wanted = parser.parse_args()
    if not os.environ.get("AWS_ENDPOINT_URL"):
        parser.error("AWS_ENDPOINT_URL is not set: this is for LocalStack only")
    if wanted.verb == "delete":
        return delete(wanted)
    if not wanted.database_url:
        parser.error("--database-url or DATABASE_URL is needed")
    return create(wanted)


if __name__ == "__main__":
    main()
