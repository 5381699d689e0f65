#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""schema.py SCHEMA DOCUMENT: does it fit?  As much of JSON Schema as ours have."""
import json
import re
import sys

TYPES = {"object": dict, "array": list, "string": str, "integer": int,
         "number": (int, float), "null": type(None)}
KNOWN = {"$schema", "title", "description", "type", "properties", "required",
         "additionalProperties", "items", "enum", "const", "pattern", "minimum"}


def check(schema, value, where):
    assert schema.keys() <= KNOWN, schema.keys() - KNOWN
    kinds = schema.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    assert not kinds or any(isinstance(value, TYPES[k]) for k in kinds), (where, value, kinds)
    assert value in schema.get("enum", [value]), (where, value)
    assert value == schema.get("const", value), (where, value)
    if "pattern" in schema:
        assert re.search(schema["pattern"], value), (where, value)
    assert not isinstance(value, (int, float)) or value >= schema.get("minimum", value), where
    for name in schema.get("required", []):
        assert name in value, (where, name, "is missing")
    if "properties" in schema:
        for name, part in value.items():
            assert name in schema["properties"], (where, name, "is not described")
            check(schema["properties"][name], part, f"{where}/{name}")
    for i, part in enumerate(value if "items" in schema else []):
        check(schema["items"], part, f"{where}/{i}")


with open(sys.argv[1], encoding="utf-8") as s, open(sys.argv[2], encoding="utf-8") as d:
    check(json.load(s), json.load(d), "")
