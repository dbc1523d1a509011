"""A mapper written on boto3's low-level client by the protocol's text alone: what a stranger would bring.

It offers every method and every form. The choices that the contract leaves to a library are flags:

    correct.py --contract absent_in_patch=remove,create_overwrites=true --no version,indexes
               --types string,int64,list --forms patch,builder --managed touched
"""

import argparse
import base64
import json
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from expressions import Expressions, Refused
from values import Codec, Misfit, canonical, check_any, from_botocore, is_absent, is_empty, is_zero, split, to_botocore

ABSENT = {"$absent": True}
CONTRACT = {
    "absent_in_patch": "keep",
    "empty_in_partial": "set",
    "zero_in_partial": "set",
    "create_overwrites": "false",
    "defaults_on_update": "false",
    "silent_scan": "false",
    "condition_combination": "grouped",
    "update_missing": "create",
    "key_case": "preserve",
}
METHODS = (
    "define create put get update delete query scan batch_get batch_put batch_delete transact marshal unmarshal build reset"
).split()
FORMS = ["patch", "named", "partial", "whole", "builder"]
TYPES = (
    "string bool bytes int8 int16 int32 int64 uint8 uint16 uint32 uint64 float64 decimal timestamp any "
    "list map set option struct"
).split()
CONDITIONS = "and or not eq ne lt le gt ge between in begins_with contains exists not_exists type size".split()
KINDS = {
    "ConditionalCheckFailedException": "condition_failed",
    "ConditionalCheckFailed": "condition_failed",
    "TransactionConflictException": "conflict",
    "TransactionConflict": "conflict",
    "ValidationException": "validation",
    "ValidationError": "validation",
    "ProvisionedThroughputExceededException": "throttled",
    "ProvisionedThroughputExceeded": "throttled",
    "ThrottlingException": "throttled",
    "ThrottlingError": "throttled",
    "RequestLimitExceeded": "throttled",
}
ROUNDS = 4


def options(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--contract", default="")
    parser.add_argument("--no", default="", help="features to leave out")
    parser.add_argument("--types", default=",".join(TYPES))
    parser.add_argument("--forms", default=",".join(FORMS))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--managed", default="", help="an attribute that every write stamps")
    parser.add_argument("--plain-names", action="store_true", help="refuse names that are no identifiers")
    chosen = parser.parse_args(arguments)
    pairs = [pair.split("=") for pair in chosen.contract.split(",") if pair]
    chosen.contract = CONTRACT | dict(pairs)
    chosen.no = [name for name in chosen.no.split(",") if name]
    return chosen


class Model:
    """A data model, looked at by field and by attribute."""

    def __init__(self, spec, key_case):
        self.spec, self.table, self.key_case = spec, spec["table"], key_case
        self.fields = {field["name"]: {"attribute": field["name"], **field} for field in spec["fields"]}
        self.version = spec.get("version")
        self.keys = [spec[name] for name in ("partition_key", "sort_key") if spec.get(name)]
        self.indexes = {index["name"]: index for index in spec.get("indexes") or []}

    def field(self, name):
        if name not in self.fields:
            raise Refused("validation", "no such field")
        return self.fields[name]

    def attribute(self, name):
        return self.field(name)["attribute"]

    def keys_of(self, index):
        if index is None:
            return self.keys
        if index not in self.indexes:
            raise Refused("validation", "no such index")
        found = self.indexes[index]
        return [found[name] for name in ("partition_key", "sort_key") if found.get(name)]

    def cased(self, name, value):
        """A value of a key field in the case in which keys are stored."""
        if name in self.keys and "S" in value and self.key_case != "preserve":
            low = self.key_case == "lower"
            return {"S": "".join(c.lower() if low else c.upper() for c in value["S"]) if value["S"].isascii() else
                    "".join((c.lower() if low else c.upper()) if c.isascii() else c for c in value["S"])}
        return value

    def operand(self, path, value):
        return self.cased(path[0], value) if len(path) == 1 else value

    def type_at(self, path):
        """The declared type of what is at a path, and the struct's member that it is; `any` where none is declared."""
        member = self.field(path[0])
        kind = member["type"]
        for part in path[1:]:
            name, inner = split(kind)
            while name == "option":
                name, inner = split(inner)
            member = None
            kind = inner if name in ("list", "map") else "any"
            if name == "struct":
                member = next((found for found in inner if found["name"] == part), None)
                kind = member["type"] if member else "any"
        return kind, member


class Mapper:
    def __init__(self, chosen):
        self.chosen, self.contract, self.models = chosen, chosen.contract, {}
        self.codec, self.stamps = Codec(), 0

    def says(self, key):
        return self.contract[key] == "true"

    def initialize(self, params):
        endpoint = params["endpoint"]
        self.client = boto3.client(
            "dynamodb",
            endpoint_url=endpoint["url"],
            region_name=endpoint["region"],
            aws_access_key_id=endpoint["access_key_id"],
            aws_secret_access_key=endpoint["secret_access_key"],
            config=Config(retries={"mode": "standard", "total_max_attempts": 3}),
        )
        spoken = {"true": True, "false": False}
        contract = {key: spoken.get(value, value) for key, value in self.contract.items()}
        contract["retry"] = {"retries": 2, "cap_ms": 20000}
        contract["managed"] = [self.chosen.managed] if self.chosen.managed else []
        features = ("version", "indexes", "default", "omit_empty", "if")
        return {
            "protocol": 1,
            "name": self.name(),
            "version": "1",
            "language": "python",
            "library": {"name": "stranger", "version": "1"},
            "role": "mapper",
            "methods": ["initialize", *self.chosen.methods.split(","), "shutdown"],
            "update_forms": self.chosen.forms.split(","),
            "types": self.chosen.types.split(","),
            "conditions": CONDITIONS,
            "features": {
                "tenancy": False,
                "encrypted": False,
                "concurrent": False,
                "hostile_names": not self.chosen.plain_names,
                **{name: name not in self.chosen.no for name in features},
            },
            "contract": contract,
        }

    def name(self):
        return "stranger"

    def define(self, params):
        spec = params["model"]
        names = [field["name"] for field in spec["fields"]] + [field.get("attribute") or "a" for field in spec["fields"]]
        if self.chosen.plain_names and not all(name.isascii() and name.isidentifier() for name in names):
            raise Refused("unsupported", "names must be identifiers")
        self.models[spec["name"]] = Model(spec, self.contract["key_case"])
        return {}

    def reset(self, _params):
        return {}

    def model(self, params):
        if params.get("model") not in self.models:
            raise Refused("validation", "no such model")
        return self.models[params["model"]]

    def expressions(self, model):
        return Expressions(model, self.contract["condition_combination"])

    # Items and records

    def store(self, field, value):
        try:
            return self.codec.store(value, field["type"])
        except Misfit as misfit:
            raise Refused("encode", str(misfit)) from None

    def stored(self, model, name, value):
        """What `create`, `put` and most forms store for a field; `None` for no attribute."""
        field = model.field(name)
        if is_absent(value) or (field.get("omit_empty") and is_empty(value)):
            return None
        value = model.cased(name, self.store(field, value))
        return None if field.get("omit_empty") and is_empty(value) else value

    def item(self, model, record, defaults=False):
        given = dict(record)
        if defaults:
            for name, field in model.fields.items():
                if field.get("default") is not None:
                    given.setdefault(name, field["default"])
        values = {name: self.stored(model, name, value) for name, value in given.items()}
        return {model.attribute(name): value for name, value in values.items() if value is not None}

    def key(self, model, key):
        if sorted(key) != sorted(model.keys):
            raise Refused("validation", "a key has the model's key fields")
        return {model.attribute(name): model.cased(name, self.store(model.field(name), key[name])) for name in model.keys}

    def record(self, model, item):
        found = {}
        for name, field in model.fields.items():
            if field["attribute"] in item:
                try:
                    found[name] = self.codec.load(item[field["attribute"]], field["type"])
                except Misfit as misfit:
                    raise Refused("decode", str(misfit)) from None
        return found

    def key_record(self, model, key):
        return {name: key[model.attribute(name)] for name in model.keys}

    # Conditions

    def conditions(self, e, own, params):
        """The mapper's own conditions and the caller's, all of which must hold."""
        trees = [params["if"]] if params.get("if") is not None else []
        if not own and len(trees) == 1:
            return {"ConditionExpression": e.condition(trees[0])}
        texts = own + [e.unit(tree) for tree in trees]
        return {"ConditionExpression": " AND ".join(texts)} if texts else {}

    def version_check(self, e, model, version):
        if version is None:
            return [f"attribute_not_exists({e.path(model.keys[0])})"]
        return [f"{e.path(model.version)} = {e.value(version)}"]

    def version_in(self, model, record):
        value = record.get(model.version)
        return None if value is None or is_absent(value) or "NULL" in value else self.store(model.field(model.version), value)

    # Writes: a request for each, as JSON

    def put_request(self, params, creating=False):
        model, record = self.model(params), params["record"]
        e, own = self.expressions(model), []
        item = self.item(model, record, defaults=creating)
        if creating and not self.says("create_overwrites"):
            own.append(f"attribute_not_exists({e.path(model.keys[0])})")
        if model.version:
            version = None if creating else self.version_in(model, record)
            if not creating:
                own += self.version_check(e, model, version)
            item[model.attribute(model.version)] = {"N": str(int(version["N"]) + 1 if version else 1)}
        item |= self.stamp()
        told = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"} if creating and own else {}
        return {"TableName": model.table, "Item": item, **self.conditions(e, own, params), **e.request(), **told}

    def stamp(self):
        self.stamps += 1
        return {self.chosen.managed: {"N": str(self.stamps)}} if self.chosen.managed else {}

    def delete_request(self, params):
        model = self.model(params)
        e = self.expressions(model)
        return {"TableName": model.table, "Key": self.key(model, params["key"]), **self.conditions(e, [], params), **e.request()}

    def update_request(self, params):
        model, form = self.model(params), params["form"]
        if form not in self.chosen.forms.split(","):
            raise Refused("unsupported", "no such form")
        e, own = self.expressions(model), []
        key = self.key(model, params["key"])
        clauses = {"SET": [], "REMOVE": [], "ADD": [], "DELETE": []}
        touched = self.changes(model, params, e, clauses)
        if self.says("defaults_on_update"):
            for name, field in model.fields.items():
                if field.get("default") is not None and name not in touched | set(model.keys) | {model.version}:
                    self.set(e, clauses, name, self.store(field, field["default"]))
        if model.version:
            own += self.versioned(model, params, e, clauses)
        elif self.contract["update_missing"] == "not_found":
            own.append(f"attribute_exists({e.path(model.keys[0])})")
        for name, value in self.stamp().items():
            clauses["SET"].append(f"{e.name(name)} = {e.value(value)}")
        texts = [f"{word} {', '.join(parts)}" for word, parts in clauses.items() if parts]
        expression = {"UpdateExpression": " ".join(texts)} if texts else {}
        told = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"} if own else {}
        return {"TableName": model.table, "Key": key, **expression, **self.conditions(e, own, params), **e.request(), **told}

    def versioned(self, model, params, e, clauses):
        """The version grows with every update; what it is checked against depends on the form."""
        expected, checks = params.get("expect_version"), []
        if expected is not None:
            checks = self.version_check(e, model, expected if isinstance(expected, dict) else {"N": str(expected)})
        elif params["form"] in ("named", "partial", "whole"):
            checks = self.version_check(e, model, self.version_in(model, params.get("record") or {}))
        path = e.path(model.version)
        clauses["SET"].append(f"{path} = if_not_exists({path}, {e.value({'N': '0'})}) + {e.value({'N': '1'})}")
        return checks

    def changes(self, model, params, e, clauses):
        """The clauses of an update. Returns the fields that it touches."""
        form, record = params["form"], params.get("record") or {}
        if form == "named":
            given = {name: record.get(name, ABSENT) for name in params.get("names") or []}
        elif form == "whole":
            given = {name: record.get(name, ABSENT) for name in model.fields}
        else:
            given = record if form == "partial" else params.get("set") or {}
        for name, value in given.items():
            self.assign(model, params, e, clauses, name, value)
        touched = set(given) if form != "whole" else set(record)
        for path, value in params.get("set_path") or []:
            self.assign_path(model, e, clauses, path, value)
            touched.add(path[0])
        for path in params.get("remove") or []:
            path = path if isinstance(path, list) else [path]
            self.unkeyed(model, path[0])
            clauses["REMOVE"].append(e.path(path))
            touched.add(path[0])
        for word, operands in (("ADD", "add"), ("DELETE", "delete_from_set")):
            for name, value in (params.get(operands) or {}).items():
                self.unkeyed(model, name)
                clauses[word].append(f"{e.path(name)} {e.value(self.any(value))}")
                touched.add(name)
        for operands in ("append", "prepend"):
            for name, value in (params.get(operands) or {}).items():
                clauses["SET"].append(self.extended(model, e, name, value, operands == "append"))
                touched.add(name)
        return touched

    def any(self, value):
        try:
            return check_any(value)
        except Misfit as misfit:
            raise Refused("encode", str(misfit)) from None

    def extended(self, model, e, name, value, behind):
        self.unkeyed(model, name)
        path, more = e.path(name), e.value(self.store(model.field(name), value))
        there = f"if_not_exists({path}, {e.value({'L': []})})"
        return f"{path} = list_append({there}, {more})" if behind else f"{path} = list_append({more}, {there})"

    def unkeyed(self, model, name):
        if name in model.keys or name == model.version:
            raise Refused("validation", "keys and the version are not changed by an update")

    def assign(self, model, params, e, clauses, name, value):
        """One field of an update, by what its form and the contract say of absent, empty and zero values."""
        form, field = params["form"], model.field(name)
        if name == model.version:
            return
        if name in model.keys:
            if not is_absent(value) and model.cased(name, self.store(field, value)) != model.cased(name, params["key"][name]):
                raise Refused("validation", "the record has another key")
            return
        if is_absent(value):
            self.assign_absent(e, clauses, name, form)
            return
        if form == "partial" and self.kept_by_partial(model, e, clauses, name, value):
            return
        if form != "partial" and self.stored(model, name, value) is None:
            clauses["REMOVE"].append(e.path(name))
            return
        self.set(e, clauses, name, self.store(field, value))

    def assign_absent(self, e, clauses, name, form):
        if form == "partial":
            return
        choice = "remove" if form == "whole" else self.contract["absent_in_patch"]
        if choice == "error":
            raise Refused("validation", "no value for a field of a patch")
        if choice == "remove":
            clauses["REMOVE"].append(e.path(name))
        if choice == "null":
            self.set(e, clauses, name, {"NULL": True})

    def kept_by_partial(self, model, e, clauses, name, value):
        """Whether a partial update leaves an empty or a zero value aside, or removes the attribute for it."""
        field = model.field(name)
        if is_empty(value) or is_empty(self.store(field, value)):
            choice = self.contract["empty_in_partial"]
            if choice == "error":
                raise Refused("validation", "an empty value in a partial update")
            if choice == "remove":
                clauses["REMOVE"].append(e.path(name))
            return choice != "set"
        return is_zero(value) and self.contract["zero_in_partial"] == "keep"

    def set(self, e, clauses, path, value):
        clauses["SET"].append(f"{e.path(path)} = {e.value(value)}")

    def assign_path(self, model, e, clauses, path, value):
        self.unkeyed(model, path[0])
        if is_absent(value):
            self.assign_absent(e, clauses, path, "patch")
            return
        kind, member = model.type_at(path)
        omitted = member is not None and member.get("omit_empty")
        if omitted and (is_empty(value) or is_empty(self.store({"type": kind}, value))):
            clauses["REMOVE"].append(e.path(path))
        else:
            self.set(e, clauses, path, self.store({"type": kind}, value))

    def create(self, params):
        request = self.put_request(params, creating=True)
        try:
            self.send("put_item", request)
        except ClientError as error:
            if code_of(error) == "ConditionalCheckFailedException" and not self.says("create_overwrites"):
                if "Item" in error.response or params.get("if") is None:
                    raise Refused("duplicate", "the item exists") from None
            raise
        return {}

    def put(self, params):
        self.send("put_item", self.put_request(params))
        return {}

    def update(self, params):
        try:
            self.send("update_item", self.update_request(params))
        except ClientError as error:
            if code_of(error) == "ConditionalCheckFailedException" and self.is_missing(params, error.response):
                raise Refused("not_found", "the item does not exist") from None
            raise
        return {}

    def is_missing(self, params, answer):
        checked = self.contract["update_missing"] == "not_found" and not self.model(params).version
        return checked and not answer.get("Item")

    def delete(self, params):
        self.send("delete_item", self.delete_request(params))
        return {}

    def transact(self, params):
        if not 1 <= len(params["actions"]) <= 100:
            raise Refused("validation", "a transaction has 1 to 100 actions")
        requests = []
        for action in params["actions"]:
            (kind, what), = action.items()
            requests.append(self.action(kind, what))
        try:
            self.send("transact_write_items", {"TransactItems": requests})
        except ClientError as error:
            for action, reason in zip(params["actions"], error.response.get("CancellationReasons", [])):
                failed = reason.get("Code") == "ConditionalCheckFailed"
                if failed and "update" in action and self.is_missing(action["update"], reason):
                    raise Refused("not_found", "an item does not exist") from None
            raise
        return {}

    def action(self, kind, what):
        if kind == "put":
            return {"Put": self.put_request(what)}
        if kind == "update":
            request = self.update_request(what)
            if "UpdateExpression" not in request:
                raise Refused("validation", "an update in a transaction changes something")
            return {"Update": request}
        if kind == "check" and what.get("if") is None:
            raise Refused("validation", "a check has a condition")
        return {"Delete" if kind == "delete" else "ConditionCheck": self.delete_request(what)}

    # Reads

    def get(self, params):
        model = self.model(params)
        request = {"TableName": model.table, "Key": self.key(model, params["key"])}
        if params.get("consistent") is not None:
            request["ConsistentRead"] = params["consistent"]
        item = self.send("get_item", request).get("Item")
        return {"record": None if item is None else self.record(model, received(item))}

    def query_request(self, params):
        model = self.model(params)
        e, keys = self.expressions(model), model.keys_of(params.get("index"))
        if list(params["partition"]) != keys[:1]:
            raise Refused("validation", "the partition is given by the partition key")
        condition = f"{e.path(keys[0])} = {self.key_operand(model, e, keys[0], params['partition'][keys[0]])}"
        for operator, operand in (params.get("sort") or {}).items():
            if len(keys) == 1:
                raise Refused("validation", "there is no sort key")
            condition += f" AND {self.sort(model, e, keys[1], operator, operand)}"
        self.check_filter(params.get("filter"), keys)
        request = {"TableName": model.table, "KeyConditionExpression": condition}
        if params.get("order") is not None:
            request["ScanIndexForward"] = params["order"] == "asc"
        return self.read_request(model, e, request, params)

    def sort(self, model, e, name, operator, operand):
        path = e.path(name)
        operands = operand if operator == "between" else [operand]
        values = [self.key_operand(model, e, name, value) for value in operands]
        if operator == "between":
            return f"{path} BETWEEN {values[0]} AND {values[1]}"
        if operator == "begins_with":
            return f"begins_with({path}, {values[0]})"
        return f"{path} {dict(eq='=', lt='<', le='<=', gt='>', ge='>=')[operator]} {values[0]}"

    def key_operand(self, model, e, name, value):
        return e.operand([name], value)

    def check_filter(self, tree, keys):
        for operator, operands in (tree or {}).items():
            if operator in ("and", "or", "not"):
                for part in [operands] if operator == "not" else operands:
                    self.check_filter(part, keys)
            elif (operands if operator in ("exists", "not_exists") else operands[0])[0] in keys:
                raise Refused("validation", "a filter on a key of the query")

    def scan_request(self, params):
        model = self.model(params)
        model.keys_of(params.get("index"))
        return self.read_request(model, self.expressions(model), {"TableName": model.table}, params)

    def read_request(self, model, e, request, params):
        page = params.get("page") or {}
        if params.get("index") is not None:
            request["IndexName"] = params["index"]
        if params.get("filter") is not None:
            request["FilterExpression"] = e.condition(params["filter"])
        if params.get("select"):
            request["ProjectionExpression"] = ", ".join(e.path(path) for path in self.selected(model, params))
        if page.get("size") is not None:
            request["Limit"] = page["size"]
        if page.get("cursor") is not None:
            request["ExclusiveStartKey"] = opened(page["cursor"])
        return request | e.request()

    def selected(self, model, params):
        """The paths of `select` without those that lie within another; the keys too where a cursor may need them."""
        paths = [path if isinstance(path, list) else [path] for path in params["select"]]
        if params.get("page") is not None and params.get("limit") is not None:
            paths += [[name] for name in {*model.keys, *model.keys_of(params.get("index"))}]
            paths.sort(key=len)
        kept = []
        for path in sorted(paths, key=len):
            if not any(path[: len(other)] == other for other in kept):
                kept.append(path)
        return kept

    def query(self, params):
        return self.rows("query", self.query_request(params), params)

    def scan(self, params):
        return self.rows("scan", self.scan_request(params), params)

    def rows(self, operation, request, params):
        model, limit = self.model(params), params.get("limit")
        if limit == 0:
            return {"records": []}
        items, last = [], None
        while True:
            answer = self.send(operation, request)
            items += [received(item) for item in answer["Items"]]
            last = answer.get("LastEvaluatedKey")
            if last is None or params.get("page") is not None or (limit is not None and len(items) >= limit):
                break
            request["ExclusiveStartKey"] = received(last)
        cursor = received(last) if last is not None else None
        if limit is not None and len(items) > limit:
            items = items[:limit]
            names = dict.fromkeys(model.keys + model.keys_of(params.get("index")))
            cursor = {model.attribute(name): items[-1][model.attribute(name)] for name in names}
        records = [self.chosen_fields(self.record(model, item), params) for item in items]
        paged = params.get("page") is not None and cursor is not None
        return {"records": records, **({"cursor": sealed(cursor)} if paged else {})}

    def chosen_fields(self, record, params):
        if not params.get("select"):
            return record
        roots = {path[0] if isinstance(path, list) else path for path in params["select"]}
        return {name: value for name, value in record.items() if name in roots}

    # Batches

    def batch_get(self, params):
        model = self.model(params)
        keys = {canonical(key): key for key in (self.key(model, key) for key in params["keys"])}
        found, left = self.in_batches(model, list(keys.values()), 100, self.get_batch)
        records = [self.record(model, received(item)) for item in found]
        return {"records": records, "unprocessed": [self.key_record(model, key) for key in left]}

    def get_batch(self, model, keys):
        answer = self.send("batch_get_item", {"RequestItems": {model.table: {"Keys": keys}}})
        left = answer.get("UnprocessedKeys", {}).get(model.table, {}).get("Keys", [])
        return answer["Responses"].get(model.table, []), [received(key) for key in left]

    def batch_put(self, params):
        model = self.model(params)
        if model.version:
            raise Refused("unsupported", "a batch checks no versions")
        items = [self.item(model, record) | self.stamp() for record in params["records"]]
        for item in items:
            if any(model.attribute(name) not in item for name in model.keys):
                raise Refused("validation", "a record has a key")
        names = [model.attribute(name) for name in model.keys]
        puts = {canonical({name: item[name] for name in names}): {"PutRequest": {"Item": item}} for item in items}
        return self.write_batches(model, list(puts.values()))

    def batch_delete(self, params):
        model = self.model(params)
        keys = {canonical(key): key for key in (self.key(model, key) for key in params["keys"])}
        return self.write_batches(model, [{"DeleteRequest": {"Key": key}} for key in keys.values()])

    def write_batches(self, model, requests):
        _, left = self.in_batches(model, requests, 25, self.write_batch)
        keys = [request["PutRequest"]["Item"] if "PutRequest" in request else request["DeleteRequest"]["Key"] for request in left]
        return {"unprocessed": [self.key_record(model, key) for key in keys]}

    def write_batch(self, model, requests):
        answer = self.send("batch_write_item", {"RequestItems": {model.table: requests}})
        left = answer.get("UnprocessedItems", {}).get(model.table, [])
        return [], [{kind: {name: received(item) for name, item in what.items()} for kind, what in one.items()} for one in left]

    def in_batches(self, model, requests, size, call):
        """Sends all requests; what stays unprocessed is sent again a few times, with growing pauses."""
        found, begun = [], False
        for attempt in range(ROUNDS):
            if attempt:
                time.sleep(0.05 * 2**attempt)
            parts, left = [requests[at : at + size] for at in range(0, len(requests), size)], []
            for at, part in enumerate(parts):
                try:
                    items, unprocessed = call(model, part)
                except (ClientError, BotoCoreError):
                    if not begun:
                        raise
                    return found, left + [one for rest in parts[at:] for one in rest]
                begun, found, left = True, found + items, left + unprocessed
            if not left:
                return found, []
            requests = left
        return found, requests

    # Without a table

    def marshal(self, params):
        return {"item": self.item(self.model(params), params["record"])}

    def unmarshal(self, params):
        return {"record": self.record(self.model(params), params["item"])}

    def build(self, params):
        inner = {"model": params["model"]} | {name: value for name, value in params["params"].items() if value is not None}
        return {"request": getattr(self, f"{params['kind']}_request")(inner)}

    def send(self, operation, request):
        return getattr(self.client, operation)(**sent(request))

    # Errors

    def error(self, error):
        fields = {}
        if isinstance(error, Refused):
            kind = error.kind
        elif isinstance(error, ClientError):
            kind, fields = self.kind_of(error), {"code": code_of(error)}
        elif isinstance(error, HTTPClientError):
            kind = "timeout"
        else:
            kind = "validation" if isinstance(error, BotoCoreError) else "internal"
        data = {"kind": kind, "type": type(error).__name__, "fields": fields}
        return {"code": -32000, "message": str(error), "data": data}

    def kind_of(self, error):
        if code_of(error) == "TransactionCanceledException":
            codes = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
            return next((KINDS[code] for code in codes if code in KINDS), "internal")
        return KINDS.get(code_of(error), "internal")


def code_of(error):
    return error.response["Error"]["Code"]


def received(item):
    return {name: from_botocore(value) for name, value in item.items()}


def sent(request):
    """A request with bytes in place of base64, wherever a request holds values."""
    whole = dict(request)
    for name in ("Item", "Key", "ExpressionAttributeValues", "ExclusiveStartKey"):
        if name in whole:
            whole[name] = {inner: to_botocore(value) for inner, value in whole[name].items()}
    if "TransactItems" in whole:
        whole["TransactItems"] = [{kind: sent(what) for kind, what in action.items()} for action in whole["TransactItems"]]
    if "RequestItems" in whole:
        (table, what), = whole["RequestItems"].items()
        if isinstance(what, dict):
            what = {"Keys": [sent({"Key": key})["Key"] for key in what["Keys"]]}
        else:
            what = [{kind: sent(inner) for kind, inner in one.items()} for one in what]
        whole["RequestItems"] = {table: what}
    return whole


def sealed(key):
    return base64.urlsafe_b64encode(json.dumps(key, sort_keys=True).encode()).decode()


def opened(cursor):
    try:
        return json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except ValueError:
        raise Refused("validation", "no cursor of this mapper") from None


def serve(mapper):
    for line in sys.stdin.buffer:
        request = json.loads(line)
        answer = {"jsonrpc": "2.0", "id": request["id"]}
        params = {name: value for name, value in (request.get("params") or {}).items() if value is not None}
        try:
            if request["method"] == "shutdown":
                answer["result"] = {}
            elif request["method"] == "initialize" or request["method"] in mapper.chosen.methods.split(","):
                answer["result"] = getattr(mapper, request["method"])(params)
            else:
                raise Refused("unsupported", "no such method")
        except Exception as error:  # noqa: BLE001
            answer["error"] = mapper.error(error)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        if request["method"] == "shutdown":
            return


if __name__ == "__main__":
    serve(Mapper(options(sys.argv[1:])))
