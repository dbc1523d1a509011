"""A first adapter: boto3's low-level client behind the target protocol, complete, in one file.

It reads one JSON-RPC request a line, makes one call of the library under test, and writes one answer a
line. It knows nothing of properties; it never retries, checks or repairs. What the library cannot do is
not declared in the answer to `initialize`, or answered with kind `unsupported`: never held against it.

    proofhouse run --target "python3 scenarios/targets/example/adapter.py"
"""

import base64
import json
import sys

import boto3
from botocore.exceptions import ClientError

client, models, SIGNS = None, {}, {"eq": "=", "lt": "<"}


def initialize(params):
    """Connects to the endpoint that the harness gives, and says what this target can do.

    Declare little at first: the harness generates nothing that is not declared. `contract` states what
    the library *documents*; a key that is left out is not judged.
    """
    global client
    endpoint = params["endpoint"]
    keys = {f"aws_{name}": endpoint[name] for name in ("access_key_id", "secret_access_key")}
    client = boto3.client("dynamodb", endpoint["region"], endpoint_url=endpoint["url"], **keys)
    return {
        "protocol": 1, "name": "example", "version": "1", "language": "python", "role": "mapper",
        "library": {"name": "boto3", "version": boto3.__version__},
        "methods": ["initialize", "define", "put", "get", "update", "delete", "reset", "shutdown"],
        "types": ["string", "bool", "bytes", "decimal", "list", "map", "set"],
        "conditions": ["and", "or", "not", "eq", "lt", "exists"],
        "update_forms": ["builder"], "update_operands": ["set", "remove"],
        "features": {"hostile_names": True, "default": False, "omit_empty": False},
        "contract": {"update_missing": "create", "condition_combination": "grouped"},
    }


def define(params):
    """A data model. The table exists already: the harness makes and drops it."""
    model = params["model"]
    names = {field["name"]: field.get("attribute") or field["name"] for field in model["fields"]}
    models[model["name"]] = {"TableName": model["table"]}, names
    return {}


def put(params):
    client.put_item(**models[params["model"]][0], Item=stored(params, params["record"]), **Expression(params).request())
    return {}


def get(params):
    item = client.get_item(**models[params["model"]][0], Key=stored(params, params["key"])).get("Item")
    return {"record": item and record(params, item)}


def update(params):
    expression = Expression(params)
    sets = [f"{expression.path([field])} = {expression.value(value)}" for field, value in params.get("set", {}).items()]
    removes = [expression.path(at if isinstance(at, list) else [at]) for at in params.get("remove", [])]
    clauses = [f"{word} {', '.join(parts)}" for word, parts in (("SET", sets), ("REMOVE", removes)) if parts]
    request = expression.request() | ({"UpdateExpression": " ".join(clauses)} if clauses else {})
    client.update_item(**models[params["model"]][0], Key=stored(params, params["key"]), **request)
    return {}


def delete(params):
    client.delete_item(**models[params["model"]][0], Key=stored(params, params["key"]), **Expression(params).request())
    return {}


class Expression:
    """Names and values behind placeholders, and the request's condition where it has one."""

    def __init__(self, params):
        self.params, self.names, self.values = params, {}, {}
        self.condition = {"ConditionExpression": self.tree(params["if"])} if params.get("if") else {}

    def tree(self, condition):
        (operator, operands), = condition.items()
        if operator in ("and", "or"):
            if len(operands) == 1:
                return self.tree(operands[0])  # DynamoDB refuses redundant brackets
            return "(" + f" {operator.upper()} ".join(self.tree(part) for part in operands) + ")"
        if operator == "not":
            return f"(NOT {self.tree(operands)})"
        if operator == "exists":
            return f"attribute_exists({self.path(operands)})"
        return f"{self.path(operands[0])} {SIGNS[operator]} {self.value(operands[1])}"

    def path(self, parts):
        """`["map", "a b", 0]` as `#n0.#n1[0]`; the first part is a field, stored under its attribute's name."""
        written = ""
        for part in [models[self.params["model"]][1][parts[0]], *parts[1:]]:
            if isinstance(part, str):
                self.names[f"#n{len(self.names)}"] = part
            written += f"[{part}]" if isinstance(part, int) else f".#n{len(self.names) - 1}"
        return written[1:]

    def value(self, operand):
        self.values[f":v{len(self.values)}"] = converted(operand, base64.b64decode)
        return f":v{len(self.values) - 1}"

    def request(self):
        named = {"ExpressionAttributeNames": self.names, "ExpressionAttributeValues": self.values}
        return self.condition | {name: filled for name, filled in named.items() if filled}


def stored(params, fields):
    """A record or a key as an item: stored names, bytes in place of base64. `$absent` is left out."""
    present = {name: value for name, value in fields.items() if "$absent" not in value}
    return {models[params["model"]][1][name]: converted(value, base64.b64decode) for name, value in present.items()}


def record(params, item):
    """An item as a record: declared fields, base64 in place of bytes."""
    names = {field: name for field, name in models[params["model"]][1].items() if name in item}
    return {field: converted(item[name], lambda data: base64.b64encode(data).decode()) for field, name in names.items()}


def converted(value, binary):
    (tag, inner), = value.items()
    if tag == "$absent":
        raise NotImplementedError("the low-level client has no value for absent")
    if tag == "B":
        return {tag: binary(inner)}
    if tag in ("BS", "L"):
        return {tag: [binary(element) if tag == "BS" else converted(element, binary) for element in inner]}
    return {tag: {name: converted(element, binary) for name, element in inner.items()}} if tag == "M" else value


METHODS = {method.__name__: method for method in (initialize, define, put, get, update, delete)}
KINDS = {"ConditionalCheckFailedException": "condition_failed", "NotImplementedError": "unsupported"}
for line in sys.stdin:
    request = json.loads(line)
    answer = {"jsonrpc": "2.0", "id": request["id"]}
    try:
        method = METHODS.get(request["method"], lambda _: {})  # `reset` and `shutdown` have nothing to do
        answer["result"] = method(request.get("params", {}))
    except Exception as error:  # the library's failure is an answer: kind, class and text, unchanged
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        data = {"kind": KINDS.get(code, "internal"), "type": type(error).__name__, "fields": {}}
        answer["error"] = {"code": -32000, "message": str(error), "data": data}
    print(json.dumps(answer), flush=True)
    if request["method"] == "shutdown":
        break
