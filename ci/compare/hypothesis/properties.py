"""The three properties, each judged by an oracle of its own."""

from hypothesis import assume

import cases
from drawing import ABSENT, comparable, is_empty, key_of, same_key, split
from meaning import holds, sort_holds
from table import key

PUBLIC = ["name", "table", "partition_key", "sort_key", "version", "indexes", "fields"]


class World:
    """The mapper over tables, set up for one case."""

    def __init__(self, mapper, tables):
        self.mapper, self.tables = mapper, tables

    def ready(self, model, items):
        """Defines the model and fills its table. The raw items in it."""
        spec = {name: model[name] for name in PUBLIC if name in model}
        self.mapper.define({"model": spec})
        declared = {field["attribute"] for field in model["fields"]}
        stored = []
        for item in items:
            raw = self.mapper.marshal({"model": "User", "record": item["record"]})["item"]
            stored.append({name: value for name, value in item["extra"].items() if name not in declared} | raw)
        self.tables.ready(model, stored)
        self.mapper.define({"model": spec | {"table": model["table"]}})
        return stored

    def call(self, method, params):
        """The answer, or `None` where the mapper refuses or the server does."""
        try:
            return getattr(self.mapper, method)({"model": "User"} | params)
        except Exception as error:  # noqa: BLE001 - the kinds of errors are those of the mapper
            kind = self.mapper.error(error)["data"]["kind"]
            assert kind != "internal", error
            return None


# frame: an update changes only the attributes that it names, and no other item.


def frame(world, case):
    model, items, calls = case
    before, went_through = world.ready(model, items), False
    for _, update in calls:
        went_through |= world.call("update", update) is not None
        after = world.tables.scan(model)
        check_frame(model, update, before, after)
        before = after
    assume(went_through)


def check_frame(model, update, before, after):
    attribute = {field["name"]: field["attribute"] for field in model["fields"]}
    named = {attribute[name] for name in names_of(model, update)}
    if "version" in model:
        named.add(attribute["rev"])
    keys = [attribute[name] for name in model["keys"]]
    own = {attribute[name]: value for name, value in update["key"].items()}

    left, right = ({key(item, keys): item for item in items} for items in (before, after))
    touched = key(own, keys)
    for of in left.keys() | right.keys():
        old, new = left.get(of), right.get(of)
        if of != touched:
            assert old is not None and new is not None and comparable({"M": old}) == comparable({"M": new}), "another item"
            continue
        assert old is None or new is not None, "the item is gone"
        old = own if old is None else old
        for name in (old.keys() | (new or {}).keys()) - named:
            assert new is None or comparable(old.get(name)) == comparable(new.get(name)), f"unnamed attribute {name}"


def names_of(model, update):
    if update["form"] == "named":
        return set(update["names"])
    if update["form"] == "whole":
        return {field["name"] for field in model["free"]}
    if update["form"] == "partial":
        return update["record"].keys() - set(model["keys"])
    paths = [path if isinstance(path, list) else [path] for path in update["remove"]]
    paths += [path for path, _ in update["set_path"]]
    operands = ("set", "add", "delete_from_set", "append", "prepend")
    return {path[0] for path in paths}.union(*(update[operand] for operand in operands))


# round_trip: what was written is read back as it was written.


def round_trip(world, case):
    model, _, ((method, write), *reads) = case
    world.ready(model, [])
    answer = world.call(method, write)
    assume(answer is not None and not answer.get("unprocessed"))
    record = write["records"][0] if method == "batch_put" else write.get("record") or write["actions"][0]["put"]["record"]
    own = key_of(model, record)
    for method, read in reads:
        answer = world.call(method, read)
        assert answer is not None, "what was written cannot be read"
        records = [answer["record"]] if "record" in answer else answer["records"]
        found = [found for found in records if found and same_key(own, found)]
        assert len(found) == 1, "what was written is not read"
        check_record(model, record, found[0], method == "create")


def check_record(model, written, read, created):
    for field in model["fields"]:
        name = field["name"]
        if name == model.get("version"):
            continue
        given = written.get(name)
        if given is None and "default" in field:
            # `create` writes the default; which write it was matters only here.
            assert name not in read or comparable(read[name]) == comparable(field["default"]), f"default of {name}"
            continue
        assert comparable(kept(field, given)) == comparable(read.get(name)), f"value of {name}"


def kept(field, value):
    """What is left of a field's value when empty ones are omitted where the model says so; `None` for no attribute."""
    if value is None or value == ABSENT:
        return None
    value = without_omitted(field["type"], value)
    return None if field.get("omit_empty") and is_empty(value) else value


def without_omitted(kind, value):
    (name, inner), (tag, content) = split(kind), next(iter(value.items()))
    if name == "option" and tag != "NULL":
        return without_omitted(inner, value)
    if name == "list":
        return {"L": [without_omitted(inner, element) for element in content]}
    if name == "map":
        return {"M": {key: without_omitted(inner, element) for key, element in content.items()}}
    if name == "struct":
        members = {member["name"]: kept(member, content.get(member["name"])) for member in inner}
        return {"M": {name: value for name, value in members.items() if value is not None}}
    return value


# never_broader: a read answers the rows of its intent, none more and none fewer.


def never_broader(world, case):
    model, items, calls = case
    world.ready(model, items)
    records = []
    for item in items:
        kept_fields = {name: kept(model["by_name"][name], value) for name, value in item["record"].items()}
        records.append({name: value for name, value in kept_fields.items() if value is not None})
    went_through = False
    for method, read in calls:
        answer = world.call(method, {name: value for name, value in read.items() if name != "next"})
        if answer is None:
            continue
        went_through = True
        if method == "get":
            rows = [] if answer["record"] is None else [answer["record"]]
        else:
            rows = list(answer["records"])
        if read.get("next") and answer.get("cursor"):
            page = read["page"] | {"cursor": answer["cursor"]}
            more = world.call(method, {name: value for name, value in read.items() if name != "next"} | {"page": page})
            rows += more["records"] if more else []
        check_rows(model, method, read, records, rows)
    assume(went_through)


def check_rows(model, method, read, records, rows):
    intended = [(record, belongs(model, method, read, record)) for record in records]
    may = [record for record, verdict in intended if verdict is not False]
    must = [record for record, verdict in intended if verdict]
    for row in rows:
        own = key_of(model, row)
        assert any(same_key(own, key_of(model, record)) for record in may), "a row that does not belong"
        assert sum(same_key(own, key_of(model, other)) for other in rows) == 1, "a row twice"
    if "page" in read:
        return
    least = len(must) if read.get("limit") is None else min(read["limit"], len(must))
    assert len(rows) >= least, "a row is missing"
    if read.get("limit") is None:
        for record in must:
            assert any(same_key(key_of(model, record), key_of(model, row)) for row in rows), "a row is missing"
    else:
        assert len(rows) <= read["limit"], "more rows than the limit"


def belongs(model, method, read, record):
    if method in ("get", "batch_get"):
        keys = [read["key"]] if method == "get" else read["keys"]
        return any(same_key(asked, key_of(model, record)) for asked in keys)
    owner = model["indexes"][0] if "index" in read else model
    names = [owner[part] for part in ("partition_key", "sort_key") if part in owner]
    if any(name not in record for name in names):
        return False
    if method == "query":
        if not same_key(read["partition"], record):
            return False
        if "sort" in read and not sort_holds(read["sort"], record[names[1]]):
            return False
    return holds(read["filter"], record) if "filter" in read else True


PROPERTIES = {
    "frame": (cases.frames, frame),
    "round_trip": (cases.round_trips, round_trip),
    "never_broader": (cases.reads, never_broader),
}
