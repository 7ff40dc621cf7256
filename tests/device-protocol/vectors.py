"""Where the published vectors and schemas are, and how they are read."""

import json
import pathlib

PUBLISHED = pathlib.Path(__file__).parents[2] / "docs" / "device-protocol"
VECTORS, SCHEMAS = PUBLISHED / "vectors", PUBLISHED / "schemas"


def read(name):
    return json.loads((VECTORS / name).read_text())
