"""PynamoDB as a target: model classes made at run time, actions for updates, conditions as expressions.

Python names of attributes are numbered (`f0`, `m1`) and the stored names go into `attr_name`, as a
user does whose stored names are no identifiers. What PynamoDB has no word for is not declared:
widths of integers, NULL for a declared attribute (its `None` means "not set"), defaults that apply to
new items only in `create`, values of any type outside maps and lists.
"""

import base64
import functools
import importlib.metadata
import json
import sys
from decimal import Decimal

import botocore.exceptions
from pynamodb import attributes as kinds
from pynamodb.connection import Connection
from pynamodb.exceptions import DoesNotExist, PynamoDBException
from pynamodb.expressions.condition import size
from pynamodb.expressions.operand import Path
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from protocol import Unsupported, absent, bytes_of, kind_of_code, serve, text_of

VERSION = importlib.metadata.version("pynamodb")
# Before 6.0 binary values were stored in an encoding of the library's own.
PLAIN_BINARY = int(VERSION.split(".")[0]) >= 6
BYTES = {"legacy_encoding": False} if PLAIN_BINARY else {}
CLASSES = {
    "string": kinds.UnicodeAttribute,
    "bool": kinds.BooleanAttribute,
    "bytes": kinds.BinaryAttribute,
    "int64": kinds.NumberAttribute,
    "decimal": kinds.NumberAttribute,
    "list": kinds.ListAttribute,
    "map": kinds.MapAttribute,
}
SETS = {
    "string": kinds.UnicodeSetAttribute,
    "number": kinds.NumberSetAttribute,
    "bytes": kinds.BinarySetAttribute,
}
READS = ("get", "query", "scan", "batch_get", "unmarshal")


class Shape:
    """A declared type and the attribute class that PynamoDB has for it."""

    def __init__(self, declared):
        (self.kind, inner), = {declared: None}.items() if isinstance(declared, str) else declared.items()
        self.element = Shape(inner) if self.kind == "list" else None
        self.members = {}
        if self.kind == "struct":
            self.members = {member["name"]: Field(f"m{at}", member) for at, member in enumerate(inner)}
            self.attribute_class = type("Struct", (kinds.MapAttribute,), members(self.members))
        elif self.kind == "set":
            self.attribute_class = SETS[inner]
        elif self.kind in CLASSES:
            self.attribute_class = CLASSES[self.kind]
        else:
            raise Unsupported(f"PynamoDB has no attribute for {self.kind}")
        binary = self.attribute_class in (kinds.BinaryAttribute, kinds.BinarySetAttribute)
        if binary and not PLAIN_BINARY:
            raise Unsupported("bytes are stored in the library's own encoding")
        self.options = BYTES if binary else {"of": self.element.attribute_class} if self.element else {}

    def attribute(self, **options):
        return self.attribute_class(**self.options, **options)


class Field:
    """A field of a model or a member of a struct."""

    def __init__(self, python, declared):
        self.python, self.name = python, declared["name"]
        self.stored = declared.get("attribute") or self.name
        self.shape = Shape(declared["type"])


def members(fields, **options):
    """Attributes by Python name. A field may be missing from a record, which PynamoDB calls `null`."""
    return {field.python: field.shape.attribute(null=True, attr_name=field.stored, **options) for field in fields.values()}


class Defined:
    """A data model as a PynamoDB class."""

    def __init__(self, model, meta, connection):
        self.keys = [model[name] for name in ("partition_key", "sort_key") if model.get(name)]
        self.fields = {field["name"]: Field(f"f{at}", field) for at, field in enumerate(model["fields"])}
        self.version = self.fields[model["version"]].python if model.get("version") else None
        body = members(self.fields) | self.key_attributes(self.keys)
        if self.version:
            body[self.version] = kinds.VersionAttribute(attr_name=self.fields[model["version"]].stored)
        self.indexes = {index["name"]: f"i{at}" for at, index in enumerate(model.get("indexes") or [])}
        for at, index in enumerate(model.get("indexes") or []):
            body[f"i{at}"] = self.index(index)
        body["Meta"] = type("Meta", (), {"table_name": model["table"], **meta})
        self.cls = type("Record", (Model,), body)
        # A program has a few models for its whole life and makes a client for each; here models come by the
        # thousand and share one, which would otherwise take a tenth of a second each.
        own = self.cls._get_connection()
        connection._tables[model["table"]] = own.get_meta_table()
        own.connection = connection

    def key_attributes(self, keys):
        fields = [self.fields[name] for name in keys]
        parts = zip(fields, ("hash_key", "range_key"))
        return {field.python: field.shape.attribute(attr_name=field.stored, **{part: True}) for field, part in parts}

    def index(self, index):
        projection = index.get("projection") or "all"
        if isinstance(projection, list):
            projection = IncludeProjection([self.fields[name].stored for name in projection])
        else:
            projection = AllProjection() if projection == "all" else KeysOnlyProjection()
        body = self.key_attributes([index[name] for name in ("partition_key", "sort_key") if index.get(name)])
        body["Meta"] = type("Meta", (), {"index_name": index["name"], "projection": projection})
        return type("Index", (GlobalSecondaryIndex,), body)()

    def instance(self, record):
        """A record as a user writes it: `Record(f0=…, f1=…)`."""
        known = {self.field(name).python: native(value, self.field(name).shape) for name, value in record.items()}
        if self.version and known.get(self.version) is None:
            known.pop(self.version, None)
        return self.cls(**known)

    def field(self, name):
        if name not in self.fields:
            raise Unsupported(f"no attribute is declared for {name}")
        return self.fields[name]

    def key(self, key):
        """Hash key and range key, as `Model.get` takes them."""
        return tuple(native(key[name], self.fields[name].shape) for name in self.keys)

    def record(self, instance):
        values = {name: getattr(instance, field.python) for name, field in self.fields.items()}
        return {name: shown(value, self.fields[name].shape) for name, value in values.items() if value is not None}

    def path(self, parts):
        """The expression for a path and the shape of what is there, where that is declared."""
        field = self.field(parts[0])
        node, shape = getattr(self.cls, field.python), field.shape
        for part in parts[1:]:
            if shape is not None and part in shape.members:
                member = shape.members[part]
                node, shape = getattr(node, member.python), member.shape
            else:
                node, shape = node[part], shape.element if shape is not None else None
        return node, shape

    def condition(self, tree):
        """A condition with PynamoDB's operators, as the caller grouped it."""
        if tree is None:
            return None
        (operator, operands), = tree.items()
        if operator in ("and", "or"):
            if not operands:
                raise Unsupported("PynamoDB has no empty group")
            parts = [self.condition(part) for part in operands]
            return functools.reduce(lambda a, b: a & b if operator == "and" else a | b, parts)
        if operator == "not":
            return ~self.condition(operands)
        if operator in ("exists", "not_exists"):
            node, _ = self.path(operands)
            return node.exists() if operator == "exists" else node.does_not_exist()
        if operator not in ("eq", "ne", "in") and any(absent(operand) for operand in operands[1:]):
            raise Unsupported("None has no order in Python")
        node, shape = self.path(operands[0])
        if operator == "type":
            return Path(node).is_type(operands[1]) if isinstance(node, kinds.Attribute) else node.is_type(operands[1])
        if operator == "size":
            return compared(operands[1], size(node), [operands[2]])
        if operator == "contains":
            return node.contains(native(operands[1], shape.element if shape is not None else None))
        values = operands[1] if operator == "in" else operands[1:]
        return compared(operator, node, [native(value, shape) for value in values])


def compared(operator, node, values):
    """A comparison as Python writes it."""
    if operator == "eq":
        return node == values[0]
    if operator == "ne":
        return node != values[0]
    if operator == "lt":
        return node < values[0]
    if operator == "le":
        return node <= values[0]
    if operator == "gt":
        return node > values[0]
    if operator == "ge":
        return node >= values[0]
    if operator == "between":
        return node.between(*values)
    return node.is_in(*values) if operator == "in" else node.startswith(*values)


class PynamoDB:
    METHODS = (
        "initialize define create put get update delete query scan "
        "batch_get batch_put batch_delete transact unmarshal reset"
    ).split()

    def initialize(self, params):
        endpoint = params["endpoint"]
        self.meta = {
            "host": endpoint["url"],
            "region": endpoint["region"],
            "aws_access_key_id": endpoint["access_key_id"],
            "aws_secret_access_key": endpoint["secret_access_key"],
        }
        self.connection = Connection(**self.meta)
        self.models = {}
        return {
            "protocol": 1,
            "name": "pynamodb",
            "version": "1",
            "language": "python",
            "library": {"name": "pynamodb", "version": VERSION},
            "role": "mapper",
            "methods": self.METHODS,
            "update_forms": ["patch", "builder"],
            "types": ["string", "bool", "int64", "decimal", "list", "map", "set", "struct"]
            + (["bytes"] if PLAIN_BINARY else []),
            "conditions": (
                "and or not eq ne lt le gt ge between in begins_with contains "
                "exists not_exists type size"
            ).split(),
            "features": {
                "tenancy": False,
                "version": True,
                "encrypted": False,
                "concurrent": False,
                "hostile_names": True,
                "indexes": True,
                "default": False,
                "omit_empty": False,
                "if": True,
            },
            "contract": {
                # "Conditional Operations": without a condition, save() writes over a stored item.
                "create_overwrites": True,
                "condition_combination": "grouped",
                "silent_scan": False,
                "key_case": "preserve",
                # Settings: max_retry_attempts, default 3.
                "retry": {"retries": 3},
            },
        }

    def define(self, params):
        self.models[params["model"]["name"]] = Defined(params["model"], self.meta, self.connection)
        return {}

    def reset(self, _params):
        return {}

    # Writes

    def put(self, params):
        model = self.models[params["model"]]
        model.instance(params["record"]).save(condition=model.condition(params.get("if")))
        return {}

    create = put

    def update(self, params):
        instance, arguments = self.change(params)
        instance.update(**arguments)
        return {}

    def delete(self, params):
        model = self.models[params["model"]]
        condition = model.condition(params.get("if"))
        model.cls(*model.key(params["key"])).delete(condition=condition, add_version_condition=False)
        return {}

    def batch_put(self, params):
        model = self.models[params["model"]]
        if model.version:
            raise Unsupported("batch_write does not manage versions")
        with model.cls.batch_write() as batch:
            for record in params["records"]:
                batch.save(model.instance(record))
        return {}

    def batch_delete(self, params):
        model = self.models[params["model"]]
        with model.cls.batch_write() as batch:
            for key in params["keys"]:
                batch.delete(model.cls(*model.key(key)))
        return {}

    def transact(self, params):
        if len(params["actions"]) > 100:
            raise Unsupported("PynamoDB does not split transactions")
        with TransactWrite(connection=self.connection) as transaction:
            for action in params["actions"]:
                (kind, what), = action.items()
                model = self.models[what["model"]]
                condition = model.condition(what.get("if"))
                if kind == "put":
                    transaction.save(model.instance(what["record"]), condition=condition)
                elif kind == "update":
                    instance, arguments = self.change(what)
                    transaction.update(instance, **arguments)
                elif kind == "delete":
                    instance = model.cls(*model.key(what["key"]))
                    transaction.delete(instance, condition=condition, add_version_condition=False)
                else:
                    transaction.condition_check(model.cls, *model.key(what["key"]), condition=condition)
        return {}

    def change(self, params):
        """The instance to update, and the arguments of its `update`."""
        if params["form"] not in ("patch", "builder"):
            raise Unsupported(f"PynamoDB has no {params['form']} update that keeps other attributes")
        model = self.models[params["model"]]
        instance, actions = model.cls(*model.key(params["key"])), []

        def each(name):
            for field, value in params.get(name, {}).items():
                node, shape = model.path([field])
                yield node, native(value, shape)

        actions += [node.set(value) for node, value in each("set")]
        for parts, value in params.get("set_path", []):
            node, shape = model.path(parts)
            actions.append(node.set(native(value, shape)))
        for parts in params.get("remove", []):
            actions.append(model.path(parts if isinstance(parts, list) else [parts])[0].remove())
        actions += [node.add(value) for node, value in each("add")]
        actions += [node.delete(value) for node, value in each("delete_from_set")]
        actions += [node.set(node.append(value)) for node, value in each("append")]
        actions += [node.set(node.prepend(value)) for node, value in each("prepend")]
        expected = params.get("expect_version")
        if expected is not None and model.version:
            setattr(instance, model.version, int(expected["N"] if isinstance(expected, dict) else expected))
        condition = model.condition(params.get("if"))
        return instance, {"actions": actions, "condition": condition, "add_version_condition": expected is not None}

    # Reads

    def get(self, params):
        model = self.models[params["model"]]
        try:
            found = model.cls.get(*model.key(params["key"]), consistent_read=params.get("consistent", False))
        except DoesNotExist:
            return {"record": None}
        return {"record": model.record(found)}

    def query(self, params):
        model = self.models[params["model"]]
        (field, value), = params["partition"].items()
        condition = None
        for operator, operand in params.get("sort", {}).items():
            node, shape = model.path([self.sort_key(model, params)])
            values = operand if operator == "between" else [operand]
            condition = compared(operator, node, [native(value, shape) for value in values])
        order = {"scan_index_forward": params["order"] == "asc"} if "order" in params else {}
        start = native(value, model.field(field).shape)
        return self.rows(model, params, lambda source, **read: source.query(start, condition, **order, **read))

    def sort_key(self, model, params):
        if "index" not in params:
            return model.keys[1]
        keys = getattr(model.cls, model.indexes[params["index"]]).Meta.attributes.values()
        stored = next(key.attr_name for key in keys if key.is_range_key)
        return next(name for name, field in model.fields.items() if field.stored == stored)

    def scan(self, params):
        return self.rows(self.models[params["model"]], params, lambda source, **read: source.scan(**read))

    def rows(self, model, params, read):
        source = getattr(model.cls, model.indexes[params["index"]]) if "index" in params else model.cls
        arguments = {"filter_condition": model.condition(params.get("filter")), "limit": params.get("limit")}
        if "select" in params:
            paths = [parts if isinstance(parts, list) else [parts] for parts in params["select"]]
            nodes = [model.path(parts)[0] for parts in paths]
            arguments["attributes_to_get"] = [Path(node) if isinstance(node, kinds.Attribute) else node for node in nodes]
        page = params.get("page")
        if page is None:
            return {"records": [model.record(row) for row in read(source, **arguments)]}
        if page.get("size") is None or "filter" in params:
            raise Unsupported("limit counts rows after the filter, and one page cannot be asked for")
        arguments["limit"] = min(page["size"], params.get("limit", page["size"]))
        if page.get("cursor") is not None:
            arguments["last_evaluated_key"] = unsealed(page["cursor"])
        results = read(source, **arguments)
        records = [model.record(row) for row in results]
        last = results.last_evaluated_key
        return {"records": records, **({"cursor": sealed(last)} if last else {})}

    def batch_get(self, params):
        model = self.models[params["model"]]
        keys = [model.key(key) for key in params["keys"]]
        found = model.cls.batch_get(keys if len(model.keys) == 2 else [key for key, in keys])
        return {"records": [model.record(row) for row in found]}

    def unmarshal(self, params):
        if "into" in params:
            raise Unsupported("from_raw_data makes a new instance")
        model = self.models[params["model"]]
        return {"record": model.record(model.cls.from_raw_data(raw(params["item"])))}

    def explain(self, error, method):
        if isinstance(error, DoesNotExist):
            return "not_found"
        if isinstance(error, PynamoDBException):
            if isinstance(error.cause, (botocore.exceptions.HTTPClientError, botocore.exceptions.IncompleteReadError)):
                return "timeout"
            reasons = getattr(error, "cancellation_reasons", [])
            return kind_of_code(error.cause_response_code, [reason.code for reason in reasons if reason])
        if isinstance(error, (TypeError, ValueError, AttributeError, KeyError)):
            # Raised by attributes: in a read by what is stored, in a write by what was passed.
            return "decode" if method in READS else "encode"
        return "internal"


def native(value, shape=None):
    """A protocol value as a user of PynamoDB writes it in Python."""
    if absent(value):
        return None
    (tag, inner), = value.items()
    if tag == "NULL":
        if shape is not None:
            raise Unsupported("None means that an attribute is not set")
        return None
    if tag in ("S", "BOOL"):
        return inner
    if tag == "N":
        return number(inner)
    if tag == "B":
        return bytes_of(inner)
    if tag == "L":
        return [native(element, shape.element if shape is not None else None) for element in inner]
    if tag == "M":
        if shape is None or shape.kind != "struct":
            return {name: native(element) for name, element in inner.items()}
        if not inner.keys() <= shape.members.keys():
            raise Unsupported("a struct has its declared members only")
        fields = {shape.members[name]: element for name, element in inner.items()}
        return shape.attribute_class(**{field.python: native(element, field.shape) for field, element in fields.items()})
    return {native({tag[0]: element}) for element in inner}


def number(text):
    """The int or float that has this value; where none has, the Decimal that a user would be left with."""
    exact = Decimal(text)
    if exact == exact.to_integral_value():
        return int(exact)
    return float(text) if Decimal(repr(float(text))) == exact else exact


def shown(value, shape=None):
    """A Python value that PynamoDB returned, as the protocol writes it."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, (int, float)):
        return {"N": repr(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bytes):
        return {"B": text_of(value)}
    if isinstance(value, set):
        elements = [shown(element) for element in value]
        tag = next(iter(elements[0])) if elements else "S"
        return {f"{tag}S": sorted(element[tag] for element in elements)}
    if isinstance(value, list):
        return {"L": [shown(element, shape.element if shape is not None else None) for element in value]}
    if shape is not None and shape.kind == "struct":
        present = {name: getattr(value, field.python) for name, field in shape.members.items()}
        return {"M": {name: shown(inner, shape.members[name].shape) for name, inner in present.items() if inner is not None}}
    inner = value.attribute_values if isinstance(value, kinds.MapAttribute) else value
    return {"M": {name: shown(element) for name, element in inner.items()}}


def raw(item, convert=bytes_of):
    """An item as botocore has it: bytes in place of their text (or the other way round)."""

    def changed(value):
        (tag, inner), = value.items()
        if tag in ("B", "BS"):
            return {tag: convert(inner) if tag == "B" else [convert(element) for element in inner]}
        if tag == "L":
            return {tag: [changed(element) for element in inner]}
        return {tag: {name: changed(element) for name, element in inner.items()}} if tag == "M" else value

    return {name: changed(value) for name, value in item.items()}


def sealed(key):
    """A `last_evaluated_key` as a cursor."""
    return base64.urlsafe_b64encode(json.dumps(raw(key, text_of), sort_keys=True).encode()).decode()


def unsealed(cursor):
    """The key that a cursor stands for."""
    return raw(json.loads(base64.urlsafe_b64decode(cursor)))


if __name__ == "__main__":
    sys.exit(serve(PynamoDB()))
