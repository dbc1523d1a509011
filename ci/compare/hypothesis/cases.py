"""The cases of the three properties: a data model, the items of the table, and the calls."""

import base64

from hypothesis import strategies as st

from drawing import NULL, Drawing, comparable, is_empty, is_number, key_of, same_key, split, unwrapped

FORMS = ["patch", "named", "partial", "whole", "builder"]


@st.composite
def frames(draw):
    """A table with a few items, and one or two updates."""
    d = Drawing(draw)
    model = d.model(version=True, sort_key=30, defaults=True)
    items = d.items(model, 3)
    return model, items, d.several(1, 2, lambda: ("update", update(d, model, items)))


@st.composite
def round_trips(draw):
    """One record written, then read in one or two ways."""
    d = Drawing(draw)
    d.on["boundaries"] |= d.chance(50)
    d.on["illegal"] = d.chance(12)
    model = d.model(version=True, sort_key=25, defaults=True)
    key = d.fresh_key(model)
    record = d.record(model, key, absent=False)
    single = {"record": record}
    write = d.weighted(
        (40, ("put", single)), (40, ("create", single)),
        (0 if "version" in model else 10, ("batch_put", {"records": [record]})),
        (8, ("transact", {"actions": [{"put": {"model": "User", "record": record}}]})),
    )
    partition = {"id": key["id"]}
    read = lambda: d.weighted(  # noqa: E731
        (60, ("get", {"key": key, "consistent": True})), (12, ("query", {"partition": partition})), (12, ("scan", {})),
        (12, ("batch_get", {"keys": [key]})),
    )
    return model, [], [write, *d.several(1, 2, read)]


@st.composite
def reads(draw):
    """A table of items that differ little, and one or two reads."""
    d = Drawing(draw, long=False, absents=False)
    model = d.model(sort_key=60, indexes=True)
    items = d.items(model, 7)
    return model, items, d.several(1, 2, lambda: read(d, model, items))


# Updates.


def update(d, model, items):
    form, key = d.pick(FORMS), d.key(model, items)
    stored = next((item["record"] for item in items if same_key(key, key_of(model, item["record"]))), None)
    call = {"key": key, "form": form}
    free = model["free"]
    if form in ("patch", "builder"):
        call |= {"set": {}, "remove": [], "add": {}, "delete_from_set": {}, "append": {}, "prepend": {}, "set_path": []}
        for field in free:
            if d.chance(45) and not (d.chance(45) and operation(d, model, field, stored, call)):
                call["set"][field["name"]] = d.operand(model, field)
        if not any(call[operands] for operands in list(call)[2:]):
            field = d.pick(free)
            call["set"][field["name"]] = d.operand(model, field)
        if "version" in model and d.chance(40):
            current = int(stored["rev"]["N"]) if stored and not d.chance(30) else d.draw(st.integers(1, 3))
            call["expect_version"] = current
        return call
    if form == "partial":
        record = dict(key) if d.chance(50) else {}
        filled = [field for field in free if d.chance(45)] or [d.pick(free)]
        record |= {field["name"]: d.operand(model, field) for field in filled}
    else:
        record = d.record(model, key, absent=d.on["absents"])
    if form == "named":
        names = [field["name"] for field in free if d.chance(50 if field["name"] in record else 15)]
        call["names"] = [name for name in names if name in record or d.on["absents"]]
        if not call["names"]:
            field = d.pick(free)
            record[field["name"]] = d.operand(model, field)
            call["names"] = [field["name"]]
    if "version" in model:
        carried = d.weighted((7, "stored"), (2, "another"), (1, "none"))
        if carried == "stored" and stored:
            record["rev"] = stored["rev"]
        if carried == "another":
            record["rev"] = {"N": str(d.draw(st.integers(1, 4)))}
    call["record"] = record
    return call


def operation(d, model, field, stored, call):
    """An operand beside `set` that suits the field; false where none does."""
    name, kind = field["name"], unwrapped(field["type"])
    sort, inner = split(kind)
    value = (stored or {}).get(name)
    value = None if value == NULL else value
    nullable = value is None and split(field["type"])[0] == "option"
    choices = ["remove"]
    if (is_number(kind) or sort == "set") and not nullable:
        choices.append("add")
    if sort == "set" and not nullable:
        choices.append("delete_from_set")
    if sort == "list" and not nullable:
        choices += ["append", "prepend"] * 2
    below = paths_below(kind, value, [name]) if value is not None else []
    if below:
        choices += ["set_path", "set_path", "remove_path"]
    choice = d.pick(choices)
    if choice == "remove":
        call["remove"].append(name)
    elif choice in ("append", "prepend"):
        call[choice][name] = {"L": d.several(1, 3, lambda: d.value(inner, 1))}
    elif choice == "add" and sort != "set":
        call["add"][name] = {"N": str(d.draw(st.integers(1, 5)) if value is None or d.chance(50) else -1)}
    elif choice in ("add", "delete_from_set"):
        (tag, members), = d.value(kind, 1).items()
        if value is not None and d.chance(60):
            known = {comparable({"S": member}) for member in members}
            members = members + [member for member in value[tag][:2] if comparable({"S": member}) not in known]
            if tag == "NS":
                members = list({comparable({"N": member}): member for member in members}.values())
        if not members:
            return False
        call[choice][name] = {tag: members}
    elif choice == "remove_path":
        call["remove"].append(d.pick(below)[0])
    else:
        path, inner = d.pick(below)
        call["set_path"].append([path, d.value(inner, 1)])
    return True


def paths_below(kind, value, path):
    """Paths below a stored value, each with the declared type of what is there."""
    (sort, inner), (tag, content) = split(unwrapped(kind)), next(iter(value.items()))
    if sort == "list" and tag == "L":
        found = [(index, inner, element) for index, element in enumerate(content[:3])]
    elif sort == "map" and tag == "M":
        found = [(key, inner, element) for key, element in content.items()]
    elif sort == "struct" and tag == "M":
        found = [(member["name"], member["type"], content[member["name"]]) for member in inner
                 if not member.get("omit_empty") and member["name"] in content and not is_empty(content[member["name"]])]
    else:
        return []
    paths = []
    for part, kind, element in found:
        paths += [([*path, part], kind), *paths_below(kind, element, [*path, part])]
    return paths


# Reads.


def read(d, model, items):
    choice = d.weighted((35, "scan"), (50, "query"), (5, "get"), (8, "batch_get"))
    if choice == "get":
        return "get", {"key": d.key(model, items)}
    if choice == "batch_get":
        return "batch_get", {"keys": d.several(1, 3, lambda: d.key(model, items))}
    index = model["indexes"][0] if model["indexes"] and d.chance(60 if choice == "query" else 40) else None
    call = {"index": index["name"]} if index else {}
    sort = None
    if choice == "query":
        owner = index or model
        call["partition"] = {owner["partition_key"]: stored_or_fresh(d, model, items, owner["partition_key"], 10)}
        sort = owner.get("sort_key")
        if sort and d.chance(50):
            call["sort"] = sort_condition(d, model, items, sort)
    if d.chance(60):
        tree = condition(d, model, items, 0)
        if tree is not None and projects(model, index, tree):
            call["filter"] = tree
    if d.chance(20):
        selected = [field["name"] for field in model["free"]
                    if is_projected(model, index, field["name"]) and d.chance(40)]
        call["select"] = model["keys"] + selected
    if sort:
        order = d.pick([None, "asc", "desc"])
        call |= {"order": order} if order else {}
    shape = d.weighted((13, ""), (3, "limit"), (3, "page"), (1, "limit and page"))
    if "limit" in shape:
        call["limit"] = 1 + d.below(3)
    if "page" in shape:
        call["page"] = {"size": 1 + d.below(3)}
        # The page behind it is read too.
        call["next"] = d.chance(50)
    return choice, call


def stored_or_fresh(d, model, items, name, fresh):
    stored = [item["record"][name] for item in items if name in item["record"]]
    if stored and not d.chance(fresh):
        return d.pick(stored)
    return d.key_value(model["by_name"][name]["type"])


def ordered(value):
    """What orders values of one scalar type."""
    (tag, inner), = value.items()
    return comparable(value)[1] if tag == "N" else base64.b64decode(inner) if tag == "B" else inner.encode()


def sort_condition(d, model, items, name):
    kind = model["by_name"][name]["type"]

    def bound():
        value = stored_or_fresh(d, model, items, name, 40)
        if kind == "string" and d.chance(20):
            return {"S": d.near_text(value["S"]) or "a"}
        return value

    operators = ["eq", "lt", "le", "gt", "ge", "between", *([] if is_number(kind) else ["begins_with"])]
    operator, value = d.pick(operators), bound()
    if operator == "between":
        return {operator: sorted([value, bound()], key=ordered)}
    if operator == "begins_with" and "S" in value:
        return {operator: {"S": value["S"][: 1 + d.below(3)]}}
    return {operator: value}


def is_projected(model, index, name):
    if index is None or index["projection"] == "all" or name in model["all_keys"]:
        return True
    return index["projection"] != "keys" and name in index["projection"]


def projects(model, index, tree):
    (operator, operands), = tree.items()
    if operator in ("and", "or", "not"):
        return all(projects(model, index, part) for part in ([operands] if operator == "not" else operands))
    return is_projected(model, index, (operands if operator in ("exists", "not_exists") else operands[0])[0])


def condition(d, model, items, depth):
    """A condition tree, or nothing where no operator suits."""
    group = (14 if depth == 0 else 10) if depth < 3 else 0
    choice = d.weighted((25, "leaf"), (group, "and"), (group, "or"), (6 if depth < 3 else 0, "not"))
    if choice == "leaf":
        return leaf(d, model, items)
    if choice == "not":
        part = condition(d, model, items, depth + 1)
        return part and {"not": part}
    parts = [part for part in d.several(2, 3, lambda: condition(d, model, items, depth + 1)) if part]
    return {choice: parts} if len(parts) > 1 else parts[0] if parts else None


def leaf(d, model, items):
    item, places = d.pick(items)["record"], []
    for field in model["free"]:
        name, kind = field["name"], field["type"]
        if name in model["all_keys"]:
            continue
        value = item.get(name)
        if value is not None and field.get("omit_empty") and is_empty(value):
            value = None
        places.append(([name], kind, value))
        for path, inner in (paths_below(kind, value, [name]) if value is not None else [])[:4]:
            places.append((path, inner, at(value, path[1:])))
    if not places:
        return None
    path, kind, stored = d.pick(places)
    return leaf_of(d, path, unwrapped(kind), None if stored == NULL else stored, stored)


def at(value, path):
    for part in path:
        value = value["L"][part] if "L" in value else value["M"][part]
    return value


def holds_struct(kind):
    name, inner = split(kind)
    return name == "struct" or name in ("list", "map", "option") and (inner == "any" or holds_struct(inner))


def leaf_of(d, path, kind, stored, raw):
    sort, inner = split(kind)
    operators = []
    if kind != "any" and not holds_struct(kind):
        operators += ["eq", "ne"]
        operators += ["lt", "le", "gt", "ge", "between"] if is_number(kind) or kind in ("string", "bytes", "timestamp") else []
        operators += ["in"]
    if kind in ("string", "bytes", "timestamp"):
        operators += ["begins_with"]
    if kind == "string" or sort == "set" or sort == "list" and not holds_struct(kind):
        operators += ["contains"]
    operators += ["exists", "not_exists", "type"]
    if sort in ("string", "bytes", "set", "list", "map"):
        operators += ["size"]
    operator = d.pick(operators)

    def value(kind=kind, stored=stored):
        choice = d.below(10)
        if stored is not None and choice < 5:
            return stored
        if stored is not None and choice < 7 and kind == "string":
            return {"S": d.near_text(stored["S"])}
        nulls, d.on["nulls"] = d.on["nulls"], False
        found = d.value(kind, 2)
        d.on["nulls"] = nulls
        return found

    if operator in ("exists", "not_exists"):
        return {operator: path}
    if operator == "type":
        own = next(iter(raw)) if raw is not None else "S"
        return {operator: [path, d.pick([own, "S", "N", "L", "M", "NULL", "BOOL", "B", "SS", "NS"])]}
    if operator == "size":
        return {operator: [path, d.pick(["eq", "lt", "le", "gt", "ge", "ne"]), d.below(4)]}
    if operator == "between":
        return {operator: [path, *sorted([value(), value()], key=ordered)]}
    if operator == "in":
        if kind == "string" and d.chance(8):
            return {operator: [path, [{"S": f"in{n}"} for n in range(d.pick([99, 101, 120]) - 1)] + [value()]]}
        return {operator: [path, list({repr(comparable(v)): v for v in d.several(1, 3, value)}.values())]}
    if operator == "begins_with":
        (tag, text), = value().items()
        if tag == "B":
            found = base64.b64decode(text)
            text = base64.b64encode(found[: 1 + d.below(len(found))] if found else found).decode()
        else:
            text = text[: 1 + d.below(len(text))] if text else text
        return {operator: [path, {tag: text}]} if text else None
    if operator == "contains":
        (tag, content), = (stored or {"": None}).items()
        own = None
        if content and tag in ("SS", "NS", "BS", "L", "S"):
            own = {tag[0]: content[0]} if tag in ("SS", "NS", "BS") else content[-1] if tag == "L" else {"S": content[-1]}
        member = unwrapped(inner) if sort == "list" else {"number": "decimal", None: "string"}.get(inner, inner)
        operand = value(member, None if own in (NULL, "", []) else own)
        return None if operand == {"S": ""} else {operator: [path, operand]}
    return {operator: [path, value()]}
