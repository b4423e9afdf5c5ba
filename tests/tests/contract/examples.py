"""Validates each example of docs/openapi.json against its schema, and prints what does not fit.

    examples.py DOCUMENT
"""

import json
import sys

from openapi_schema_validator import OAS31Validator, oas31_format_checker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

document = json.loads(open(sys.argv[1]).read())
registry = Registry().with_resource("urn:document", DRAFT202012.create_resource(document))
count = 0


def rooted(schema):
    """The schema with its references into the document."""
    if isinstance(schema, dict):
        return {
            key: "urn:document" + value if key == "$ref" and value.startswith("#") else rooted(value)
            for key, value in schema.items()
        }
    return [rooted(value) for value in schema] if isinstance(schema, list) else schema


def look(place, value):
    global count
    if isinstance(value, list):
        for index, inner in enumerate(value):
            look(f"{place}/{index}", inner)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        look(f"{place}/{key}", inner)
    found = []
    if "schema" in value and "example" in value:
        found.append((value["schema"], value["example"]))
    if "type" in value and isinstance(value.get("examples"), list):
        found.extend((value, example) for example in value["examples"])
    for schema, example in found:
        count += 1
        validator = OAS31Validator(rooted(schema), registry=registry, format_checker=oas31_format_checker)
        for error in validator.iter_errors(example):
            print(f"{place}: {error.message}")


look("#", document)
print(f"{count} examples", file=sys.stderr)
