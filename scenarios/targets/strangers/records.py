"""Data models, and records as items and back."""

from expressions import Expressions, Refused
from values import Misfit, from_botocore, is_absent, is_empty, split, to_botocore


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


class Records:
    """What all methods share: models, items, records and the conditions of writes."""

    def says(self, key):
        return self.contract[key] == "true"

    def model(self, params):
        if params.get("model") not in self.models:
            raise Refused("validation", "no such model")
        return self.models[params["model"]]

    def expressions(self, model):
        return Expressions(model, self.contract["condition_combination"])

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
