"""Reads infra/template.yaml, for deploy.py and translate.py."""

from pathlib import Path

import yaml

PATH = Path(__file__).resolve().parents[1] / "template.yaml"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML with CloudFormation's short forms: `!Ref x` becomes {"Ref": x}, `!Sub x` {"Fn::Sub": x}."""


def _short_form(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict:
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if tag == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _short_form)


def load() -> dict:
    """The template with every function call in its long form, ready to be written as JSON."""
    return yaml.load(PATH.read_text(), _Loader)


def functions(template: dict) -> dict[str, dict]:
    """Logical id -> properties of each Lambda function."""
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def short_name(properties: dict) -> str:
    """`fetch` of `!Sub ${AWS::StackName}-fetch`: also the name of its binary."""
    return properties["FunctionName"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
