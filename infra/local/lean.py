"""The template without what no local test looks at, for tests that deploy a stack of their own.

LocalStack makes a stack on one core, beside all that the other stacks do. Alarms, filters, the
dashboard and the HTTP API do nothing there, and are two thirds of the resources: requests reach the
functions through the local gateway. Tests of the template read the file itself, and `make run` and
one system test deploy all of it.
"""

from translate import translated

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
    plain = translated(template, given)
    plain.pop("Transform", None)
    plain["Resources"] = {k: r for k, r in plain["Resources"].items() if not _of_the_api(r)}
    for resource in plain["Resources"].values():
        if resource["Type"] == "AWS::ApiGatewayV2::Api":
            resource["Properties"]["Body"]["paths"] = {}
    return plain


def _of_the_api(resource: dict) -> bool:
    """Whether the resource lets the HTTP API call a function."""
    principal = resource.get("Properties", {}).get("Principal")
    return resource["Type"] == "AWS::Lambda::Permission" and principal == "apigateway.amazonaws.com"
