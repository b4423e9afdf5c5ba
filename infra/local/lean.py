"""The template without what no local test looks at, for tests that deploy a stack of their own.

LocalStack makes a stack on one core, beside all that the other stacks do. Alarms, filters, the
dashboard and the HTTP API do nothing there, and are two thirds of the resources: requests reach the
functions through the local gateway. Tests of the template read the file itself, and `make run` and
one system test deploy all of it.
"""

import template as penstock
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
    _forget_routes(template)
    plain = translated(template, given)
    plain.pop("Transform", None)
    return plain


def _forget_routes(template: dict) -> None:
    """Takes the routes from the functions: the transform copies the whole API for each."""
    for function in penstock.functions(template).values():
        events = function.get("Events", {})
        function["Events"] = {k: e for k, e in events.items() if e["Type"] != "HttpApi"}
