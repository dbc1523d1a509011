"""What a case is made of: values, data models, records and keys, drawn by Hypothesis.

The kinds of value, the small pools and the percentages are those of Proofhouse's generators (`harness/src/generate`);
beside the listed values stand Hypothesis' own `text`, `binary`, `integers` and `floats`. Everything is JSON of the target
protocol.
"""

import base64
from decimal import Decimal

from hypothesis import strategies as st

INTEGERS = {f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (64, 32, 8, 16)}
INTEGERS |= {f"uint{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)}
PLAIN_TYPES = (
    "string int64 decimal bool int32 float64 timestamp bytes any int8 int16 uint8 uint16 uint32 uint64"
).split()
KEY_TYPES = [kind for kind in PLAIN_TYPES if kind not in ("bool", "any")]
SETS = {"string": "SS", "number": "NS", "bytes": "BS"}
NAMES = list("abcdfghk")
TIMESTAMPS = [
    "2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z", "2024-02-29T23:59:59.999999999Z", "1970-01-01T00:00:00Z",
    "2024-01-01T02:00:00+02:00", "2024-01-01T00:00:00.100Z", "9999-12-31T23:59:59Z",
]
PLAIN = ["a", "b", "x", "ab", "aa", "abc", "b1", "c"]
HOSTILE = [
    "--", "a--b", "'", "''", '"', "\\", "\\\\", "a'; DROP TABLE users; --", "' OR '1'='1", ":v0", ":v1", "#n0", "#0",
    ":0", ":val1", "NULL", "null", "None", "undefined", "true", "false", "0", "-0", "1.0", "1e5", "NaN", "a.b", "a[0]",
    "[]", "{}", '{"S":"x"}', "$absent", "%s%n", "%", "_", "a#b", "a|b", " a", "a ", "a\nb", "\n", "a\r\nb",
]
UNICODE = [
    "é", "e\u0301", "ü", "ß", "İ", "ı", "Σς", "日本", "😀", "👩\u200d👩\u200d👧", "\uff5e", "\u200b", "\u202eabc", "\0",
]
DECIMALS = [
    "0.1", "1.5", "-1", "0.30000000000000004", "9007199254740993", "-9007199254740993", "9223372036854775807",
    "9223372036854775808", "18446744073709551615", "18446744073709551616", "0.1234567890123456789",
    "12345678901234567890123456789012345678", "-12345678901234567890123456789012345678",
    "99999999999999999999999999999999999999", "0.00000000000000000000000000000000000001", "1E20", "1E21", "1E125",
    "-1E125", "9.9999999999999999999999999999999999999E125", "1E-130", "-1E-130",
]
DOUBLES = [
    "0.1", "1.5", "-0.5", "0.30000000000000004", "1E20", "1E21", "1E22", "1E-7", "9007199254740992", "-9007199254740992",
    "123456789.123", "0.000001", "1.7976931348623157E100", "5E-100", "2.220446049250313E-16", "1E125",
]
ILLEGAL = [
    "123456789012345678901234567890123456789", "0.123456789012345678901234567890123456789", "1E126", "-1E126", "1E-131",
]
ABSENT = {"$absent": True}
NULL = {"NULL": True}
# How many of a hundred cases hold a kind; what is left comes together more often.
SWARM = {
    "hostile": 35, "unicode": 25, "boundaries": 45, "long": 12, "empties": 60, "zeros": 60, "nulls": 50, "absents": 50,
    "extras": 50, "renames": 30, "nesting": 40,
}

BELOW = {}
WIDE = st.one_of(st.sampled_from(UNICODE), st.text(min_size=1, max_size=8))
LETTERS = st.text(alphabet="abAB01-_ .", min_size=1, max_size=6)
BYTES = [
    st.one_of(
        st.lists(st.sampled_from([1, 0, 255, 128, 97, 10]), min_size=least, max_size=4).map(bytes),
        st.binary(min_size=least, max_size=4),
    )
    for least in (0, 1)
]
WHOLE = {
    kind: st.one_of(st.integers(max(low, -1_000), min(high, 1_000)), st.integers(low, high))
    for kind, (low, high) in INTEGERS.items()
}
FLOATS = st.floats(-1e100, 1e100, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-100)


def split(kind):
    """A type as its name and what is in it."""
    return (kind, None) if isinstance(kind, str) else next(iter(kind.items()))


def unwrapped(kind):
    """The type inside options."""
    name, inner = split(kind)
    return unwrapped(inner) if name == "option" else kind


def is_number(kind):
    return kind in (*INTEGERS, "decimal", "float64")


def empty_of(kind):
    """The empty value of a type that has one which can be stored."""
    name, _ = split(unwrapped(kind))
    return {"string": {"S": ""}, "bytes": {"B": ""}, "list": {"L": []}, "map": {"M": {}}}.get(name)


def zero_of(kind):
    kind = unwrapped(kind)
    return {"BOOL": False} if kind == "bool" else {"N": "0"} if is_number(kind) else None


def is_empty(value):
    (tag, inner), = value.items()
    return tag in ("S", "B", "L", "M", "SS", "NS", "BS") and len(inner) == 0


def comparable(value):
    """A value as Python compares it: numbers by value, sets without order."""
    if value is None:
        return None
    (tag, inner), = value.items()
    if tag == "N":
        return tag, Decimal(inner)
    if tag == "NS":
        return tag, frozenset(map(Decimal, inner))
    if tag in ("SS", "BS"):
        return tag, frozenset(inner)
    if tag == "L":
        return tag, [comparable(element) for element in inner]
    if tag == "M":
        return tag, {name: comparable(element) for name, element in inner.items()}
    return tag, inner


def key_of(model, record):
    return {name: record[name] for name in model["keys"]}


def same_key(left, right):
    return all(comparable(left[name]) == comparable(right[name]) for name in left)


class Drawing:
    """Draws the parts of one case, and knows what it has drawn already."""

    def __init__(self, draw, **fixed):
        self.draw, self.pools, self.budget = draw, {}, 400
        self.on = {kind: fixed[kind] if kind in fixed else self.chance(share) for kind, share in SWARM.items()}
        self.on["illegal"] = False

    # The few ways to choose; each shrinks to its first choice, to False, to the shortest list.

    def chance(self, percent):
        return self.below(100) >= 100 - percent

    def pick(self, choices):
        return choices[self.below(len(choices))]

    def below(self, count):
        # A strategy that is kept is validated once: `sampled_from` anew for each draw takes twice the time.
        if count not in BELOW:
            BELOW[count] = st.integers(0, count - 1)
        return self.draw(BELOW[count])

    def weighted(self, *choices):
        choices = [(weight, what) for weight, what in choices if weight]
        at = self.below(sum(weight for weight, _ in choices))
        for weight, what in choices:
            if at < weight:
                return what
            at -= weight
        raise AssertionError("the weights do not add up")

    def several(self, least, most, function):
        return self.draw(st.lists(st.builds(function), min_size=least, max_size=most))

    def weight(self, kind, weight):
        return weight if self.on[kind] else 0

    def pooled(self, pool, fresh, near):
        """An earlier value now and then, or one that differs little from it, else a fresh one."""
        pool = self.pools.setdefault(pool, [])
        choice = self.below(100) if pool else 0
        if choice >= 60:
            value = self.pick(pool)
        elif choice >= 45:
            value = near(self.pick(pool))
        else:
            value = fresh()
        if len(pool) < 12 and value not in pool:
            pool.append(value)
        return value

    # Scalars.

    def text(self):
        return self.pooled("text", self.fresh_text, self.near_text)

    def fresh_text(self):
        kind = self.weighted(
            (50, "plain"), (12, "letters"), (self.weight("empties", 12), "empty"), (self.weight("hostile", 25), "hostile"),
            (self.weight("unicode", 20), "unicode"), (self.weight("long", 6), "long"),
        )
        if kind == "plain":
            return self.pick(PLAIN)
        if kind == "letters":
            return self.draw(LETTERS)
        if kind == "empty":
            return ""
        if kind == "hostile":
            return self.pick(HOSTILE)
        if kind == "long":
            return "x" * self.pick([256, 1_025, 4_097, 70_000])
        wide = self.draw(WIDE)
        return "a" * self.below(64) + wide * (1 + self.below(16)) if self.chance(30) else wide

    def near_text(self, text):
        turn = self.pick([
            lambda: text + "a", lambda: text.upper() if text.upper() != text else text.lower(), lambda: text + " ",
            lambda: text + "0", lambda: "a" + text, lambda: text[::-1], lambda: text[:-1] or text + "b",
        ])
        return turn()

    def key_text(self):
        text = self.text()
        return text if text and len(text.encode()) <= 200 else self.pick(PLAIN)

    def binary(self):
        least = 0 if self.on["empties"] and not self.chance(70) else 1

        def fresh():
            return self.draw(BYTES[least])

        value = self.pooled("bytes", fresh, lambda value: value + self.pick([b"\0", b"\xff"]))
        return base64.b64encode(value).decode()

    def number(self, kind):
        return self.pooled(kind, lambda: self.fresh_number(kind), lambda text: self.near_number(kind, text))

    def fresh_number(self, kind):
        decimal = kind == "decimal"
        choice = self.weighted(
            (55, "small"), (self.weight("zeros", 15), "zero"), (self.weight("boundaries", 40), "edge"), (10, "any"),
            (self.weight("illegal", 25) if decimal else 0, "illegal"),
            (self.weight("boundaries", 25) if decimal else 0, "long"),
        )
        if choice == "zero":
            return "0"
        if choice == "illegal":
            return self.pick(ILLEGAL)
        if choice == "long":
            digits = self.draw(st.integers(1, 38))
            whole = self.draw(st.integers(0, digits))
            text = ("1234567890" * 4)[:digits]
            return f"0{text[:whole]}.{text[whole:]}0"
        if kind in INTEGERS:
            low, high = INTEGERS[kind]
            if choice == "edge":
                wide = 2**53
                edges = [high, low, high - 1, low + 1, wide + 1, wide, wide - 1, -wide - 1, -1, 2**31, 2**32]
                return str(self.pick([edge for edge in edges if low <= edge <= high]))
            if choice == "any":
                value = self.draw(WHOLE[kind])
                return str(value or (0 if self.on["zeros"] else 1))
        elif choice == "edge":
            return self.pick(DECIMALS if decimal else DOUBLES)
        elif choice == "any":
            if decimal:
                return f"{self.draw(st.integers(-99, 99))}.{self.pick(['5', '25', '75'])}"
            return repr(self.draw(FLOATS))
        return str(1 + self.below(9))

    def near_number(self, kind, text):
        value = Decimal(text)
        if value != value.to_integral_value() or abs(value) >= 2**64:
            return text
        near = int(value) + self.pick([1, -1, 10])
        low, high = INTEGERS.get(kind, (-(2**53), 2**53))
        return str(near) if low <= near <= high and (near or self.on["zeros"]) else text

    # Values of a type.

    def value(self, kind, depth=0):
        enough, self.budget = self.budget > 0, self.budget - 1
        name, inner = split(kind)
        most = 3 if enough else 0
        if name == "string":
            return {"S": self.text()}
        if name == "bool":
            return {"BOOL": not self.on["zeros"] or not self.chance(50)}
        if name == "bytes":
            return {"B": self.binary()}
        if name == "timestamp":
            return {"S": self.pick(TIMESTAMPS)}
        if name == "any":
            return self.any(depth)
        if name == "list":
            if depth == 0 and self.on["long"] and self.chance(10):
                return {"L": [self.value(inner, 8)] * self.pick([101, 100, 130])}
            return {"L": self.several(min(self.least(), most), most, lambda: self.value(inner, depth + 1))}
        if name == "map":
            entry = lambda: (self.pick(["k", "m", "kk", "n"]), self.value(inner, depth + 1))  # noqa: E731
            return {"M": dict(self.several(min(self.least(), most), most, entry))}
        if name == "set":
            least = 0 if self.on["illegal"] and self.chance(20) else 1
            member = {"string": self.text, "number": lambda: self.number("decimal"), "bytes": self.binary}[inner]
            members = {comparable({"N" if inner == "number" else "S": text}): text
                       for text in self.several(least, 3, member)}
            return {SETS[inner]: list(members.values())}
        if name == "option":
            return NULL if self.on["nulls"] and self.chance(30) else self.value(inner, depth)
        if name == "struct":
            present = [member for member in inner if not self.chance(12)]
            return {"M": {member["name"]: self.value(member["type"], depth + 1) for member in present}}
        return {"N": self.number(name)}

    def any(self, depth):
        nested = lambda weight: weight if depth < 2 and self.on["nesting"] else 0  # noqa: E731
        kind = self.weighted(
            (30, "string"), (20, "decimal"), (10, "bool"), (self.weight("nulls", 10), None), (5, "bytes"),
            (nested(12), {"list": "any"}), (nested(12), {"map": "any"}), (nested(6), {"set": "string"}),
            (nested(4), {"set": "number"}),
        )
        return NULL if kind is None else self.value(kind, depth + 1)

    def least(self):
        return 0 if self.on["empties"] and self.chance(35) else 1

    def key_value(self, kind):
        """A value of a key: not empty, and legal."""
        if kind == "string":
            return {"S": self.key_text()}
        if kind == "bytes":
            return {"B": self.binary() or "AQ=="}
        if kind == "timestamp":
            return {"S": self.pick(TIMESTAMPS)}
        number = self.number(kind)
        return {"N": "1" if number in ILLEGAL else number}

    # Data models.

    def model(self, version=False, sort_key=0, defaults=False, indexes=False):
        fields = [{"name": name, "type": KEY_TYPES[0] if self.chance(70) else self.pick(KEY_TYPES)}
                  for name in ["id", *(["sk"] if self.chance(sort_key) else [])]]
        keys = [field["name"] for field in fields]
        free = iter(NAMES)
        fields += self.several(1, 5, lambda: self.field(next(free), defaults))
        versioned = version and self.chance(30)
        if versioned:
            fields.append({"name": "rev", "type": "int64"})
        for field in fields:
            field["attribute"] = field["name"] + "1" if self.on["renames"] and self.chance(25) else field["name"]
        if self.on["renames"] and len(fields) > 3 and self.chance(25):
            left, right = fields[-1], fields[-2]
            left["attribute"], right["attribute"] = right["attribute"], left["attribute"]
        model = {"name": "User", "table": "users", "partition_key": "id", "fields": fields, "indexes": []}
        if len(keys) == 2:
            model["sort_key"] = "sk"
        if versioned:
            model["version"] = "rev"
        model["keys"], model["all_keys"] = keys, list(keys)
        model["by_name"] = {field["name"]: field for field in fields}
        if indexes:
            self.index(model)
        model["free"] = [field for field in fields if field["name"] not in (*keys, model.get("version"))]
        return model

    def index(self, model):
        fields = model["fields"][len(model["keys"]):]
        usable = [field["name"] for field in fields if field["type"] in KEY_TYPES and not field.get("omit_empty")]
        if not usable or not self.chance(60):
            return
        keys = [usable.pop(self.below(len(usable)))]
        if usable and self.chance(60):
            keys.append(usable.pop(self.below(len(usable))))
        others = [field["name"] for field in fields if field["name"] not in keys]
        projection = self.pick(["all", "all", "keys", [self.pick(others)] if others else "keys"])
        index = {"name": "by_a", "partition_key": keys[0], "projection": projection}
        if len(keys) == 2:
            index["sort_key"] = keys[1]
        model["indexes"].append(index)
        model["all_keys"] += keys

    def field(self, name, defaults):
        kind = self.kind(0)
        field = {"name": name, "type": kind}
        if split(unwrapped(kind))[0] in ("string", "bytes", "list", "map", "struct", "set"):
            field["omit_empty"] = self.chance(35)
        if defaults and self.chance(20):
            illegal, self.on["illegal"] = self.on["illegal"], False
            value = self.value(kind, 1)
            self.on["illegal"] = illegal
            if split(kind)[0] not in ("struct", "option", "any") and not is_empty(value):
                field["default"] = value
        return field

    def kind(self, depth):
        deep = lambda weight: weight if depth < 1 or (depth < 3 and self.on["nesting"]) else 0  # noqa: E731
        choice = self.weighted(
            (50, "plain"), (deep(18), "list"), (deep(12 if depth == 0 else 3), "set"), (deep(15), "map"),
            (deep(15), "option"), (deep(10), "struct"),
        )
        if choice == "plain":
            return PLAIN_TYPES[0] if self.chance(45) else self.pick(PLAIN_TYPES)
        if choice == "set":
            return {"set": self.pick(list(SETS))}
        if choice == "struct":
            names = iter(NAMES)
            return {"struct": self.several(1, 3, lambda: self.member(next(names), depth))}
        inner = self.kind(depth + 1)
        return inner if choice == "option" and (split(inner)[0] in ("option", "any")) else {choice: inner}

    def member(self, name, depth):
        kind = self.kind(depth + 1)
        member = {"name": name, "type": kind}
        if self.on["renames"] and self.chance(30):
            member["attribute"] = name + "1"
        if empty_of(kind) is not None:
            member["omit_empty"] = self.chance(25)
        return member

    # Records.

    def free_value(self, model, field):
        return self.key_value(field["type"]) if field["name"] in model["all_keys"] else self.value(field["type"])

    def operand(self, model, field):
        """What a caller passes for a field: a value, an empty or zero one, NULL, or "no value"."""
        kind, plain = field["type"], field["name"] not in model["all_keys"]
        empty, zero = empty_of(kind), zero_of(kind)
        null = plain and split(kind)[0] in ("option", "any")
        choice = self.weighted(
            (50, "value"), (self.weight("empties", 20) if plain and empty else 0, "empty"),
            (self.weight("zeros", 20) if plain and zero else 0, "zero"),
            (self.weight("nulls", 20) if null else 0, "null"),
            (self.weight("absents", 20), "absent"),
        )
        given = {"empty": empty, "zero": zero, "null": NULL, "absent": ABSENT}
        return given[choice] if choice in given else self.free_value(model, field)

    def record(self, model, key, absent):
        record = dict(key)
        for field in model["free"]:
            if not self.chance(20):
                operand = self.operand(model, field)
                if absent or operand is not ABSENT:
                    record[field["name"]] = operand
        return record

    def fresh_key(self, model):
        return {name: self.key_value(model["by_name"][name]["type"]) for name in model["keys"]}

    def key(self, model, items):
        """The key of one of the items mostly, else one drawn anew, which an item may have too."""
        if items and not self.chance(15):
            return key_of(model, self.pick(items)["record"])
        return self.fresh_key(model)

    def items(self, model, most):
        """Items of the table, each with a key of its own and perhaps with attributes that the model does not declare."""
        items = []
        for item in self.several(1, most, lambda: self.item(model)):
            if not any(same_key(key_of(model, item["record"]), key_of(model, other["record"])) for other in items):
                items.append(item)
        return items

    def item(self, model):
        record = self.fresh_key(model)
        for field in model["free"]:
            if not self.chance(15):
                value = self.free_value(model, field)
                if next(iter(value)) not in SETS.values() or not is_empty(value):
                    record[field["name"]] = value
        if model.get("version"):
            record["rev"] = {"N": str(self.draw(st.integers(1, 3)))}
        extra = {}
        if self.on["extras"]:
            names = ["zz", "extra", "y1", "A", "ttl2"]
            extra = dict(self.several(0, 2, lambda: (self.pick(names), self.any(1))))
        return {"record": record, "extra": extra}
