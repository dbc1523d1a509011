"""boto3's resource interface as a target: `Table`, `Attr` and `Key`, `TypeSerializer`.

Each request becomes one program as a user of boto3 writes it: values as Python's own, conditions
with `Attr`, updates as an expression with numbered placeholders. boto3 knows no models: `define`
keeps the names only, so widths, defaults, versions and structs are not declared.
"""

import base64
import functools
import json
import sys
from decimal import Decimal, DecimalException

import boto3
import botocore.exceptions as failures
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer
from botocore.config import Config

from protocol import Unsupported, absent, bytes_of, kind_of_code, serve, text_of

COMPARISONS = {"eq": "eq", "ne": "ne", "lt": "lt", "le": "lte", "gt": "gt", "ge": "gte"}


class Boto3:
    METHODS = (
        "initialize define create put get update delete query scan "
        "batch_get batch_put batch_delete transact marshal unmarshal reset"
    ).split()

    def initialize(self, params):
        endpoint = params["endpoint"]
        self.resource = boto3.resource(
            "dynamodb",
            endpoint_url=endpoint["url"],
            region_name=endpoint["region"],
            aws_access_key_id=endpoint["access_key_id"],
            aws_secret_access_key=endpoint["secret_access_key"],
            config=Config(retries={"mode": "standard", "total_max_attempts": 3}),
        )
        self.models, self.tables = {}, {}
        return {
            "protocol": 1,
            "name": "boto3",
            "version": "1",
            "language": "python",
            "library": {"name": "boto3", "version": boto3.__version__},
            "role": "mapper",
            "methods": self.METHODS,
            "update_forms": ["patch", "builder"],
            "types": ["string", "bool", "bytes", "decimal", "any", "list", "map", "set", "option"],
            "conditions": (
                "and or not eq ne lt le gt ge between in begins_with contains "
                "exists not_exists type size"
            ).split(),
            "features": {
                "tenancy": False,
                "version": False,
                "encrypted": False,
                "concurrent": False,
                "hostile_names": True,
                "indexes": True,
                "default": False,
                "omit_empty": False,
                "if": True,
            },
            "contract": {
                # TypeSerializer: "None  {'NULL': True}".
                "absent_in_patch": "null",
                # PutItem: "Creates a new item, or replaces an old item with a new item."
                "create_overwrites": True,
                # UpdateItem: "Edits an existing item's attributes, or adds a new item to the table."
                "update_missing": "create",
                "condition_combination": "grouped",
                "defaults_on_update": False,
                "silent_scan": False,
                "key_case": "preserve",
                # Config(retries=…): attempts in "standard" mode include the first; delays end at 20 s.
                "retry": {"retries": 2, "cap_ms": 20000},
            },
        }

    def define(self, params):
        model = params["model"]
        self.models[model["name"]] = model
        self.tables[model["name"]] = self.resource.Table(model["table"])
        return {}

    def reset(self, _params):
        return {}

    # Writes

    def put(self, params):
        self.table(params).put_item(Item=self.item(params), **self.condition(params))
        return {}

    create = put

    def update(self, params):
        if params["form"] not in ("patch", "builder"):
            raise Unsupported(f"boto3 has no {params['form']} update")
        key = self.key(params["model"], params["key"])
        self.table(params).update_item(Key=key, **self.changes(params), **self.condition(params))
        return {}

    def delete(self, params):
        key = self.key(params["model"], params["key"])
        self.table(params).delete_item(Key=key, **self.condition(params))
        return {}

    def batch_put(self, params):
        with self.writer(params) as batch:
            for record in params["records"]:
                batch.put_item(Item=self.item({"model": params["model"], "record": record}))
        return {}

    def batch_delete(self, params):
        with self.writer(params) as batch:
            for key in params["keys"]:
                batch.delete_item(Key=self.key(params["model"], key))
        return {}

    def writer(self, params):
        keys = [self.attribute(params["model"], name) for name in self.key_fields(params["model"])]
        return self.table(params).batch_writer(overwrite_by_pkeys=keys)

    def transact(self, params):
        if len(params["actions"]) > 100:
            raise Unsupported("boto3 does not split transactions")
        requests = []
        for action in params["actions"]:
            (kind, what), = action.items()
            if kind == "check" or what.get("if") is not None:
                raise Unsupported("boto3 takes no Attr in a transaction")
            request = {"TableName": self.models[what["model"]]["table"]}
            if kind == "put":
                request["Item"] = self.item(what)
            else:
                request["Key"] = self.key(what["model"], what["key"])
            if kind == "update":
                request |= self.changes(what)
                if "UpdateExpression" not in request:
                    raise Unsupported("an update in a transaction needs an expression")
            requests.append({kind.capitalize(): request})
        self.resource.meta.client.transact_write_items(TransactItems=requests)
        return {}

    def changes(self, params):
        """An update expression with numbered placeholders, as a user writes one for a dictionary of changes."""
        names, values, clauses = {}, {}, {"SET": [], "REMOVE": [], "ADD": [], "DELETE": []}

        def value(operand):
            values[f":v{len(values)}"] = native(operand)
            return f":v{len(values) - 1}"

        def path(parts):
            return self.placeholders(params["model"], parts, names)

        for field, operand in params.get("set", {}).items():
            clauses["SET"].append(f"{path(field)} = {value(operand)}")
        for parts, operand in params.get("set_path", []):
            clauses["SET"].append(f"{path(parts)} = {value(operand)}")
        for field, operand in params.get("append", {}).items():
            clauses["SET"].append(f"{path(field)} = list_append({path(field)}, {value(operand)})")
        for field, operand in params.get("prepend", {}).items():
            clauses["SET"].append(f"{path(field)} = list_append({value(operand)}, {path(field)})")
        for parts in params.get("remove", []):
            clauses["REMOVE"].append(path(parts))
        for field, operand in params.get("add", {}).items():
            clauses["ADD"].append(f"{path(field)} {value(operand)}")
        for field, operand in params.get("delete_from_set", {}).items():
            clauses["DELETE"].append(f"{path(field)} {value(operand)}")
        expression = " ".join(f"{word} {', '.join(parts)}" for word, parts in clauses.items() if parts)
        request = {"UpdateExpression": expression} if expression else {}
        if names:
            request["ExpressionAttributeNames"] = names
        if values:
            request["ExpressionAttributeValues"] = values
        return request

    def placeholders(self, model, parts, names):
        """A field or a path, each of its names behind a numbered placeholder."""
        parts = parts if isinstance(parts, list) else [parts]
        written = ""
        for depth, part in enumerate(parts):
            if isinstance(part, int):
                written += f"[{part}]"
                continue
            name = f"#n{len(names)}"
            names[name] = self.attribute(model, part) if depth == 0 else part
            written += f".{name}" if depth else name
        return written

    # Reads

    def get(self, params):
        consistent = {"ConsistentRead": params["consistent"]} if "consistent" in params else {}
        answer = self.table(params).get_item(Key=self.key(params["model"], params["key"]), **consistent)
        return {"record": self.record(params["model"], answer["Item"]) if "Item" in answer else None}

    def query(self, params):
        model = self.models[params["model"]]
        keys = model
        if "index" in params:
            keys = next(index for index in model["indexes"] if index["name"] == params["index"])
        (field, operand), = params["partition"].items()
        condition = self.attr(params["model"], [field], Key).eq(native(operand))
        for operator, operand in params.get("sort", {}).items():
            key = self.attr(params["model"], [keys["sort_key"]], Key)
            operands = [native(one) for one in (operand if operator == "between" else [operand])]
            condition = condition & getattr(key, COMPARISONS.get(operator, operator))(*operands)
        request = {"KeyConditionExpression": condition}
        if "order" in params:
            request["ScanIndexForward"] = params["order"] == "asc"
        return self.pages(self.table(params).query, request, params)

    def scan(self, params):
        return self.pages(self.table(params).scan, {}, params)

    def pages(self, read, request, params):
        """One page, or the loop over `LastEvaluatedKey` that boto3's guide shows."""
        model, page, limit = params["model"], params.get("page"), params.get("limit")
        if "index" in params:
            request["IndexName"] = params["index"]
        if "filter" in params:
            request["FilterExpression"] = self.tree(model, params["filter"])
        if "select" in params:
            names = {}
            paths = [self.placeholders(model, parts, names) for parts in params["select"]]
            request |= {"ProjectionExpression": ", ".join(paths), "ExpressionAttributeNames": names}
        if page is not None:
            sizes = [size for size in (page.get("size"), limit) if size is not None]
            request |= {"Limit": min(sizes)} if sizes else {}
            if page.get("cursor") is not None:
                request["ExclusiveStartKey"] = unsealed(page["cursor"])
            answer = read(**request)
            cursor = {"cursor": sealed(answer["LastEvaluatedKey"])} if "LastEvaluatedKey" in answer else {}
            return {"records": [self.record(model, item) for item in answer["Items"]], **cursor}
        items = []
        while limit is None or len(items) < limit:
            answer = read(**request)
            items += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                break
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return {"records": [self.record(model, item) for item in items[:limit]]}

    def batch_get(self, params):
        model, table = params["model"], self.models[params["model"]]["table"]
        keys = [self.key(model, key) for key in params["keys"]]
        if len(keys) > 100 or any(key in keys[:at] for at, key in enumerate(keys)):
            raise Unsupported("boto3 neither splits batches nor drops repeated keys")
        answer = self.resource.batch_get_item(RequestItems={table: {"Keys": keys}})
        left = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
        return {
            "records": [self.record(model, item) for item in answer["Responses"].get(table, [])],
            "unprocessed": [self.record(model, key) for key in left],
        }

    def marshal(self, params):
        return {"item": {name: wire(value) for name, value in self.item(params).items()}}

    def unmarshal(self, params):
        item = {name: TypeDeserializer().deserialize(texts(value, bytes_of)) for name, value in params["item"].items()}
        return {"record": self.record(params["model"], item)}

    # Conditions

    def condition(self, params):
        return {"ConditionExpression": self.tree(params["model"], params["if"])} if "if" in params else {}

    def tree(self, model, condition):
        """A condition with `Attr`, as the caller grouped it."""
        (operator, operands), = condition.items()
        if operator in ("and", "or"):
            parts = [self.tree(model, part) for part in operands]
            if not parts:
                raise Unsupported("boto3 has no empty group")
            return functools.reduce(lambda a, b: a & b if operator == "and" else a | b, parts)
        if operator == "not":
            return ~self.tree(model, operands)
        if operator in ("exists", "not_exists"):
            return getattr(self.attr(model, operands), operator)()
        if operator not in ("eq", "ne", "in") and any(absent(operand) for operand in operands[1:]):
            raise Unsupported("None has no order in Python")
        attr, *rest = self.attr(model, operands[0]), *operands[1:]
        if operator in COMPARISONS:
            return getattr(attr, COMPARISONS[operator])(native(rest[0]))
        if operator == "in":
            return attr.is_in([native(operand) for operand in rest[0]])
        if operator == "type":
            return attr.attribute_type(rest[0])
        if operator == "size":
            if rest[0] == "ne":
                raise Unsupported("boto3's size() has no ne()")
            return getattr(attr.size(), COMPARISONS[rest[0]])(rest[1])
        return getattr(attr, operator)(*[native(operand) for operand in rest])

    def attr(self, model, parts, kind=Attr):
        """A path in the notation of `Attr`, in which dots and brackets cannot be part of a name."""
        written = ""
        for depth, part in enumerate(parts):
            if isinstance(part, int):
                written += f"[{part}]"
                continue
            name = self.attribute(model, part) if depth == 0 else part
            if not name or any(sign in name for sign in ".[]"):
                raise Unsupported("Attr reads dots and brackets as a path")
            written += f".{name}" if depth else name
        return kind(written)

    # Names and values

    def table(self, params):
        return self.tables[params["model"]]

    def key_fields(self, model):
        model = self.models[model]
        return [model[name] for name in ("partition_key", "sort_key") if model.get(name)]

    def attribute(self, model, field):
        for declared in self.models[model]["fields"]:
            if declared["name"] == field:
                return declared.get("attribute") or field
        return field

    def key(self, model, key):
        return {self.attribute(model, field): native(value) for field, value in key.items()}

    def item(self, params):
        return self.key(params["model"], params["record"])

    def record(self, model, item):
        fields = {field.get("attribute") or field["name"]: field["name"] for field in self.models[model]["fields"]}
        return {fields[name]: wire(value) for name, value in item.items() if name in fields}

    def explain(self, error, _method):
        if isinstance(error, failures.ClientError):
            reasons = error.response.get("CancellationReasons", [])
            return kind_of_code(error.response["Error"]["Code"], [reason.get("Code") for reason in reasons])
        if isinstance(error, (failures.HTTPClientError, failures.IncompleteReadError)):
            return "timeout"
        if isinstance(error, (failures.ParamValidationError, TypeError, DecimalException)):
            return "encode"
        return "internal"


def native(value):
    """A protocol value as a user of boto3 writes it in Python."""
    if absent(value):
        return None
    (tag, inner), = value.items()
    if tag == "NULL":
        return None
    if tag in ("S", "BOOL"):
        return inner
    if tag == "N":
        return Decimal(inner)
    if tag == "B":
        return Binary(bytes_of(inner))
    if tag == "L":
        return [native(element) for element in inner]
    if tag == "M":
        return {name: native(element) for name, element in inner.items()}
    return {native({tag[0]: element}) for element in inner}


def wire(value):
    """A Python value as boto3 serializes it, in the protocol's JSON."""
    return texts(TypeSerializer().serialize(value))


def texts(value, binary=text_of):
    """DynamoDB JSON with base64 for bytes, or the other way round; sets in an order."""
    (tag, inner), = value.items()
    if tag == "B":
        return {tag: binary(inner)}
    if tag in ("SS", "NS", "BS"):
        return {tag: sorted(binary(element) if tag == "BS" else element for element in inner)}
    if tag == "L":
        return {tag: [texts(element, binary) for element in inner]}
    if tag == "M":
        return {tag: {name: texts(element, binary) for name, element in inner.items()}}
    return {tag: inner}


def sealed(key):
    """A `LastEvaluatedKey` as a cursor."""
    text = json.dumps({name: wire(value) for name, value in key.items()}, sort_keys=True)
    return base64.urlsafe_b64encode(text.encode()).decode()


def unsealed(cursor):
    """The key that a cursor stands for."""
    text = json.loads(base64.urlsafe_b64decode(cursor))
    return {name: native(value) for name, value in text.items()}


if __name__ == "__main__":
    sys.exit(serve(Boto3()))
