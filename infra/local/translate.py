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


def main() -> None:
    template = penstock.load()
    for properties in penstock.functions(template).values():
        properties["CodeUri"] = f"s3://dry-run/{penstock.short_name(properties)}.zip"
    defaults = {k: p["Default"] for k, p in template["Parameters"].items() if "Default" in p}
    given = {k: f"dry-run-{k}" for k in template["Parameters"] if k not in defaults}
    translated = transform(template, defaults | given, NoManagedPolicies())
    kinds = collections.Counter(r["Type"] for r in translated["Resources"].values())
    for kind, count in sorted(kinds.items()):
        print(f"{count:4}  {kind}")
    print(f"The stack would have {sum(kinds.values())} resources.")


if __name__ == "__main__":
    main()
