"""Asks an account, before a deployment, whether it has room for the stack, and says what is missing.

    preflight.py --stack NAME [Parameter=Value]...

It reads and changes nothing. What it may not read it names and leaves out. Wants boto3: .local/venv/bin/python.
"""

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.dont_write_bytecode = True

# AWS refuses a reservation that leaves fewer to functions without one.
LEAST_UNRESERVED = 100


@dataclass
class Wanted:
    """What the deployment needs."""

    # Environments reserved, and connections, by function.
    reserved: dict[str, int]
    connections: dict[str, int]
    max_connections: int
    rules: int


@dataclass
class Account:
    """What the account has. None: it could not be asked."""

    concurrency: int | None = None
    unreserved: int | None = None
    # Of this stack, as it is deployed now.
    reserved_here: int = 0
    rules_allowed: int | None = None
    rules_of_others: int | None = None
    # Messages without a seal that a release before seals has sent.
    unsealed: int = 0
    not_asked: list[str] = field(default_factory=list)


def missing(wanted: Wanted, account: Account) -> list[str]:
    """Returns a sentence for each thing that the deployment would fail for, or lose data by."""
    found = []
    reserved = sum(wanted.reserved.values())
    if account.unreserved is not None:
        free = account.unreserved + account.reserved_here - LEAST_UNRESERVED
        if free < reserved:
            found.append(
                f"Lambda: the functions reserve {reserved} environments, and the account has room for {max(free, 0)}: its "
                f"limit is {account.concurrency}, and AWS keeps {LEAST_UNRESERVED} unreserved. Ask AWS for a limit of at "
                f"least {account.concurrency + reserved - free} (Service Quotas, Lambda, Concurrent executions), or lower "
                "the parameters ...Concurrency."
            )
    if account.rules_allowed is not None and account.rules_of_others is not None:
        free = account.rules_allowed - account.rules_of_others
        if free < wanted.rules:
            found.append(
                f"EventBridge: the stack has {wanted.rules} rules, and the default bus has room for {max(free, 0)}. Ask AWS "
                "for more (Service Quotas, EventBridge, Rules)."
            )
    connections = sum(wanted.connections.values())
    if connections >= wanted.max_connections:
        found.append(
            f"Postgres: the functions may open {connections} connections, and DatabaseMaxConnections is "
            f"{wanted.max_connections}. Raise it if the database allows more, or lower the parameters ...Concurrency."
        )
    if account.unsealed:
        found.append(
            f"{account.unsealed} spilled requests wait that the present release has sent without a seal. This release would "
            "not store them. Bring Postgres back, wait until the queues spill and spill-dlq are empty, then deploy."
        )
    return found


def needs(template: dict, parameters: dict[str, str]) -> Wanted:
    """Returns the needs of a template under these parameters."""

    def number(value: object) -> int:
        return int(parameters[value["Ref"]] if isinstance(value, dict) else value)

    reserved, connections, rules = {}, {}, 0
    for resource in template["Resources"].values():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        properties = resource["Properties"]
        name = properties["FunctionName"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
        reserved[name] = number(properties["ReservedConcurrentExecutions"])
        # One connection of `migrate` holds the lock row while the other migrates.
        connections[name] = reserved[name] * (2 if name == "migrate" else 1)
        rules += sum(event["Type"] == "Schedule" for event in properties.get("Events", {}).values())
    return Wanted(reserved, connections, number({"Ref": "DatabaseMaxConnections"}), rules)


def asked(stack: str, functions: list[str], deployed: bool) -> Account:
    """Asks the account."""
    import boto3
    from botocore.exceptions import ClientError

    account = Account()

    def ask(what: str, question) -> object:
        try:
            return question()
        except ClientError as error:
            account.not_asked.append(f"{what} ({error.response['Error']['Code']})")
            return None

    functions_api = boto3.client("lambda")
    if limit := ask("Lambda's concurrency", lambda: functions_api.get_account_settings()["AccountLimit"]):
        account.concurrency = limit["ConcurrentExecutions"]
        account.unreserved = limit["UnreservedConcurrentExecutions"]
    for name in functions if deployed else []:
        function = f"{stack}-{name}"
        try:
            found = functions_api.get_function_concurrency(FunctionName=function)
        except ClientError:  # not a function of the release that is deployed
            continue
        account.reserved_here += found.get("ReservedConcurrentExecutions", 0)
    quotas = boto3.client("service-quotas")
    rules = lambda: quotas.get_service_quota(ServiceCode="events", QuotaCode="L-244521F2")
    if quota := ask("the limit of EventBridge's rules", rules):
        account.rules_allowed = int(quota["Quota"]["Value"])
    pages = boto3.client("events").get_paginator("list_rules")
    names = ask("EventBridge's rules", lambda: list(pages.paginate().search("Rules[].Name")))
    if names is not None:
        account.rules_of_others = sum(not name.startswith(f"{stack}-") for name in names)
    return account


def unsealed(stack: str, outputs: set[str]) -> int:
    """Returns the number of messages that a release before seals has left on the queues."""
    if not outputs or "IngestSpillQueueUrl" in outputs:
        return 0
    import boto3

    sqs, waiting = boto3.client("sqs"), ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    count = 0
    for queue in [f"{stack}-spill", f"{stack}-spill-dlq"]:
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=waiting)["Attributes"]
        count += sum(int(found[name]) for name in waiting)
    return count


def deployed_stack(stack: str) -> dict | None:
    """Returns the stack as it is deployed; None if there is none."""
    import boto3
    from botocore.exceptions import ClientError

    try:
        return boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def logins(before: dict | None, parameters: dict[str, str], given: set[str]) -> str | None:
    """The parameter that gives each function of a new stack a login of its own; None if it was chosen
    by hand, the stack exists, or its functions would not know where the database is."""
    # A stack whose first change set was never carried out has nothing yet.
    is_new = before is None or before.get("StackStatus") == "REVIEW_IN_PROGRESS"
    chosen = not is_new or "DatabaseLogins" in given or not parameters.get("DatabaseHost")
    return None if chosen else "DatabaseLogins=own"


def main() -> None:
    parser = argparse.ArgumentParser(description="Ask an account whether it has room for the stack.")
    parser.add_argument("--stack", required=True)
    parser.add_argument("parameter", nargs="*", metavar="KEY=VALUE")
    given = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).resolve().parent / "local"))
    import template as penstock

    template = penstock.load()
    parameters = {key: str(it["Default"]) for key, it in template["Parameters"].items() if "Default" in it}
    before = deployed_stack(given.stack)
    # `sam deploy` keeps the value of every parameter that it is not given.
    kept = {it["ParameterKey"]: it["ParameterValue"] for it in (before or {}).get("Parameters", [])}
    parameters |= {key: value for key, value in kept.items() if key in parameters}
    parameters |= dict(pair.split("=", 1) for pair in given.parameter if "=" in pair)
    wanted = needs(template, parameters)
    account = asked(given.stack, list(wanted.reserved), before is not None)
    account.unsealed = unsealed(given.stack, {it["OutputKey"] for it in (before or {}).get("Outputs", [])})
    for what in account.not_asked:
        print(f"preflight: {what} could not be asked, and is not checked", file=sys.stderr)
    found = missing(wanted, account)
    for sentence in found:
        print(f"preflight: {sentence}", file=sys.stderr)
    if found:
        sys.exit(1)
    print("preflight: the account has room for the stack", file=sys.stderr)
    given_names = {pair.split("=", 1)[0] for pair in given.parameter}
    if own := logins(before, parameters, given_names):
        print(own)


if __name__ == "__main__":
    main()
