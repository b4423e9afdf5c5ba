"""Translates infra/template.yaml as CloudFormation's SAM transform would, for a dry run of a
deployment: says what would be made, and fails where AWS would. Nothing leaves the machine."""

import collections
import os
import sys

sys.dont_write_bytecode = True
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # the transform wants one, whichever it is

from samtranslator.translator.transform import transform

import template as penstock


class NoManagedPolicies:
    """The template names no policy by a short name, so there is none to look up."""

    def load(self) -> dict[str, str]:
        return {}


def translated(template: dict, given: dict[str, str]) -> dict:
    """The template of plain CloudFormation that the transform makes, with these parameters."""
    defaults = {k: p["Default"] for k, p in template["Parameters"].items() if "Default" in p}
    return transform(template, defaults | given, NoManagedPolicies())


def main() -> None:
    template = penstock.load()
    for properties in penstock.functions(template).values():
        properties["CodeUri"] = f"s3://dry-run/{penstock.short_name(properties)}.zip"
    given = {k: f"dry-run-{k}" for k, p in template["Parameters"].items() if "Default" not in p}
    resources = translated(template, given)["Resources"]
    kinds = collections.Counter(r["Type"] for r in resources.values())
    for kind, count in sorted(kinds.items()):
        print(f"{count:4}  {kind}")
    print(f"The stack would have {sum(kinds.values())} resources.")


if __name__ == "__main__":
    main()
