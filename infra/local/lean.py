"""The template without what no local test looks at, for tests that deploy a stack of their own.

LocalStack makes a stack on one core, beside all that the other stacks do. Alarms, filters, the
dashboard and the HTTP API do nothing there, and are two thirds of the resources: requests reach the
functions through the local gateway. Tests of the template read the file itself, and `make run` and
one system test deploy all of it.
"""

import os

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # the transform wants one, whichever it is

from samtranslator.translator.transform import transform

from translate import NoManagedPolicies

IDLE = {
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Logs::MetricFilter",
    "AWS::SQS::QueuePolicy",
}


def of(template: dict, given: dict[str, str]) -> dict:
    """Returns a template with the functions, queues, secrets and rules of `template`."""
    resources = template["Resources"]
    template["Resources"] = {k: r for k, r in resources.items() if r["Type"] not in IDLE}
    defaults = {k: p["Default"] for k, p in template["Parameters"].items() if "Default" in p}
    translated = transform(template, defaults | given, NoManagedPolicies())
    translated.pop("Transform", None)
    resources = translated["Resources"]
    translated["Resources"] = {k: r for k, r in resources.items() if not _of_the_api(r)}
    for resource in translated["Resources"].values():
        if resource["Type"] == "AWS::ApiGatewayV2::Api":
            resource["Properties"]["Body"]["paths"] = {}
    return translated


def _of_the_api(resource: dict) -> bool:
    """Whether the resource lets the HTTP API call a function."""
    principal = resource.get("Properties", {}).get("Principal")
    return resource["Type"] == "AWS::Lambda::Permission" and principal == "apigateway.amazonaws.com"
