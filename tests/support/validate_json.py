#!/usr/bin/env python3
"""Checks JSON on standard input against a definition of a JSON Schema.

usage: validate_json.py SCHEMA DEFINITION

With "x-lines" in the definition each line of the input is a document. Exit status: 0 when all
documents are as they should be, 1 with a line for each fault, 77 when python3-jsonschema is not
there.
"""

import json
import sys

try:
    from jsonschema import Draft202012Validator
except ImportError:
    print("python3-jsonschema is not installed")
    sys.exit(77)


def main(path, name):
    with open(path, encoding="utf-8") as file:
        schema = json.load(file)
    Draft202012Validator.check_schema(schema)
    if name not in schema["$defs"]:
        print(f"{path} has no definition of {name}")
        return 1
    validator = Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]})
    text = sys.stdin.read()
    documents = text.splitlines() if schema["$defs"][name].get("x-lines") else [text]
    faults = 0
    if not documents:
        print(f"{name}: no document")
        faults = 1
    for number, document in enumerate(documents, 1):
        try:
            value = json.loads(document)
        except ValueError as error:
            print(f"{name}, document {number}: {error}: {document[:200]}")
            faults += 1
            continue
        for error in validator.iter_errors(value):
            place = "/".join(str(part) for part in error.absolute_path)
            print(f"{name}, document {number}, at /{place}: {error.message[:300]}")
            faults += 1
    return 1 if faults else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
