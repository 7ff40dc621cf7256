"""Where the published vectors and schemas are, and how they are read."""

import json
import pathlib

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

PUBLISHED = pathlib.Path(__file__).parents[2] / "docs" / "device-protocol"
VECTORS, SCHEMAS = PUBLISHED / "vectors", PUBLISHED / "schemas"


def read(name):
    return json.loads((VECTORS / name).read_text())


def schemas():
    return {path.stem: json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")}


def validators():
    known = schemas()
    registry = Registry().with_resources((f"{name}.json", Resource.from_contents(schema)) for name, schema in known.items())
    return {name: Draft202012Validator(schema, registry=registry) for name, schema in known.items()}


VALIDATORS = validators()
