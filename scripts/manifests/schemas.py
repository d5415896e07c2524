"""Holds every object of a YAML file to its schema, strictly: a field that is not in it is an error.

Kubernetes' own schemas come with kubernetes-validate, those of other kinds from CustomResourceDefinitions in folders.
"""

import os
import sys
from pathlib import Path

import jsonschema
import kubernetes_validate
import yaml

KUBERNETES = "1.37"
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
# As much of it as people write.
METADATA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "namespace": {"type": "string"}, "labels": TEXTS, "annotations": TEXTS},
    "additionalProperties": False,
}


def definitions(folders):
    """The schemas of the CustomResourceDefinitions in folders, by apiVersion and kind; a later folder counts."""
    found = {}
    for file in (file for folder in folders for file in sorted(Path(folder).glob("*.y*ml"))):
        for definition in yaml.safe_load_all(file.read_text()):
            if not definition or definition.get("kind") != "CustomResourceDefinition":
                continue
            spec = definition["spec"]
            for version in spec["versions"]:
                schema = version.get("schema", {}).get("openAPIV3Schema")
                if schema:
                    key = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
                    found[key] = strict(schema)
    return found


def strict(schema):
    """The schema without room for unknown fields, unless it says that they are kept."""
    if not isinstance(schema, dict):
        return schema
    schema = dict(schema)
    if schema.pop("x-kubernetes-int-or-string", False):
        schema.pop("anyOf", None)
        schema["type"] = ["integer", "string"]
    if schema.pop("nullable", False) and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    for member in ("properties", "patternProperties"):
        if member in schema:
            schema[member] = {name: strict(one) for name, one in schema[member].items()}
    for member in ("items", "additionalProperties", "not"):
        if member in schema:
            schema[member] = strict(schema[member])
    keeps = schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("x-kubernetes-embedded-resource")
    if "properties" in schema and "additionalProperties" not in schema and not keeps:
        schema["additionalProperties"] = False
    return schema


def problems(item, custom):
    """What is wrong with an object; None if there is no schema for it."""
    group = item["apiVersion"].rpartition("/")[0]
    key = item["apiVersion"], item["kind"]
    if key in custom:
        schema = dict(custom[key], properties=dict(custom[key]["properties"], metadata=METADATA, apiVersion={}, kind={}))
        errors = jsonschema.Draft202012Validator(schema).iter_errors(item)
        return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in errors]
    if any(known.rpartition("/")[0] == group and kind == item["kind"] for known, kind in custom):
        return [f"there is no version {item['apiVersion']} of it"]
    if "." in group and not group.endswith(".k8s.io"):
        return None
    try:
        kubernetes_validate.validate(item, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{'/'.join(map(str, error.path))}: {error.message}"]
    except kubernetes_validate.SchemaNotFoundError:
        return None
    return []


def main(file, *folders):
    custom = definitions(folders)
    failed = unchecked = 0
    for item in yaml.safe_load_all(Path(file).read_text()):
        if not item:
            continue
        name = f"{item['kind']}/{item['metadata']['name']}"
        found = problems(item, custom)
        if found is None:
            unchecked += 1
            print(f"{name}: not checked, there is no schema of {item['apiVersion']} in CRDS_DIR ({folders[-1]})")
        for problem in found or []:
            failed += 1
            print(f"{name}: {problem}")
    return 1 if failed or (unchecked and os.environ.get("CI")) else 0


sys.exit(main(*sys.argv[1:]))
