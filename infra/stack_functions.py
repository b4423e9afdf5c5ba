"""A stack's functions, on AWS or (AWS_ENDPOINT_URL set) on LocalStack. Wants boto3: .local/venv/bin/python."""

import json
import os

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError


def client():
    """Returns a client that waits as long as a function may take, and never invokes one twice."""
    url = os.environ.get("PENSTOCK_LOCALSTACK_URL") or os.environ.get("AWS_ENDPOINT_URL")
    if url:  # LocalStack takes any, but wants some
        os.environ.setdefault("AWS_ACCESS_KEY_ID", "test")
        os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "test")
        os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    patient = Config(read_timeout=910, retries={"total_max_attempts": 1})
    return boto3.client("lambda", endpoint_url=url or None, config=patient)


def api_url(stack: str) -> str:
    """Returns the URL of the stack's API, or a word in its place for someone who may not read the stack's outputs."""
    url = os.environ.get("PENSTOCK_LOCALSTACK_URL") or os.environ.get("AWS_ENDPOINT_URL")
    try:
        stacks = boto3.client("cloudformation", endpoint_url=url or None).describe_stacks(StackName=stack)["Stacks"]
    except (BotoCoreError, ClientError):
        return "HttpApiUrl"
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
    return outputs.get("HttpApiUrl", "HttpApiUrl").rstrip("/")


def invoke(on, function: str, payload: dict) -> dict:
    """Returns the function's reply. If the function fails, the program ends with its error."""
    answer = on.invoke(FunctionName=function, Payload=json.dumps(payload))
    reply = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise SystemExit(f"{function} failed: {reply.get('errorMessage', reply)}")
    return reply
