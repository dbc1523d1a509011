"""Values between the protocol, the declared types and botocore."""

import base64
import re
from decimal import Decimal, InvalidOperation

INTEGERS = {f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)}
INTEGERS |= {f"uint{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)}
TAGS = {"string": "S", "bool": "BOOL", "bytes": "B", "timestamp": "S", "float64": "N", "decimal": "N"}
SETS = {"string": "SS", "number": "NS", "bytes": "BS"}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class Misfit(Exception):
    """A value that does not fit its declared type. The text names no value."""


def is_absent(value):
    return isinstance(value, dict) and value.get("$absent") is True


def split(kind):
    """A type as its name and what is in it."""
    return (kind, None) if isinstance(kind, str) else next(iter(kind.items()))


def number(text):
    """The exact value of a number, if DynamoDB can hold it."""
    if not isinstance(text, str) or not NUMBER.fullmatch(text):
        raise Misfit("not a number")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise Misfit("not a number") from None
    if value == 0:
        return Decimal(0)
    digits = "".join(map(str, value.as_tuple().digits)).strip("0")
    if len(digits) > 38 or not -130 <= value.adjusted() <= 125:
        raise Misfit("a number beyond 38 digits or beyond its range")
    return value


def check_plain(value, tag, inner):
    """A value of any type, legal for DynamoDB."""
    if tag == "N":
        number(inner)
    elif tag in ("SS", "NS", "BS"):
        members = [number(member) for member in inner] if tag == "NS" else list(inner)
        if not members:
            raise Misfit("an empty set")
        if len(set(members)) != len(members):
            raise Misfit("a set holds each member once")
    elif tag == "L":
        for element in inner:
            check_any(element)
    elif tag == "M":
        for element in inner.values():
            check_any(element)
    return value


def check_any(value):
    if is_absent(value):
        raise Misfit("no value")
    (tag, inner), = value.items()
    return check_plain(value, tag, inner)


def is_empty(value):
    """Empty as `omit_empty` means it: 0, false and NULL are not."""
    (tag, inner), = value.items()
    return tag in ("S", "B", "L", "M", "SS", "NS", "BS") and len(inner) == 0


def is_zero(value):
    (tag, inner), = value.items()
    return inner is False if tag == "BOOL" else tag == "N" and number(inner) == 0


class Codec:
    """Values as records have them, to and from values as items have them."""

    def store(self, value, kind):
        """What is stored for a value of a declared type. Raises `Misfit`."""
        return self.convert(value, kind, True)

    def load(self, value, kind):
        """What a record holds for a stored value. Raises `Misfit`."""
        return self.convert(value, kind, False)

    def convert(self, value, kind, storing):
        if is_absent(value):
            raise Misfit("no value inside a list or a map")
        name, inner = split(kind)
        (tag, content), = value.items()
        if name == "option":
            return value if tag == "NULL" else self.convert(value, inner, storing)
        if name == "any":
            return check_any(value) if storing else value
        if name == "list" and tag == "L":
            return {"L": [self.convert(element, inner, storing) for element in content]}
        if name == "map" and tag == "M":
            return {"M": {key: self.convert(element, inner, storing) for key, element in content.items()}}
        if name == "struct" and tag == "M":
            return {"M": self.members(content, inner, storing)}
        if name == "set" and tag == SETS[inner]:
            return self.set(value, storing)
        if name in INTEGERS and tag == "N":
            return self.integer(value, name)
        if TAGS.get(name) == tag:
            return self.scalar(value, name)
        raise Misfit(f"does not fit {name}")

    def members(self, content, declared, storing):
        found = {}
        for member in declared:
            name, attribute = member["name"], member.get("attribute") or member["name"]
            given, put = (name, attribute) if storing else (attribute, name)
            if given not in content or is_absent(content[given]):
                continue
            if storing and member.get("omit_empty") and is_empty(content[given]):
                continue
            value = self.convert(content[given], member["type"], storing)
            if not (storing and member.get("omit_empty") and is_empty(value)):
                found[put] = value
        if storing and content.keys() - {member["name"] for member in declared}:
            raise Misfit("a member that the struct does not declare")
        return found

    def set(self, value, storing):
        return check_any(value) if storing else value

    def integer(self, value, name):
        exact, (low, high) = number(value["N"]), INTEGERS[name]
        if exact != exact.to_integral_value() or not low <= exact <= high:
            raise Misfit(f"does not fit {name}")
        return value

    def scalar(self, value, name):
        if name == "timestamp" and not RFC3339.fullmatch(value["S"]):
            raise Misfit("not a timestamp")
        if name in ("decimal", "float64"):
            exact = number(value["N"])
            if name == "float64" and exact not in (Decimal(repr(float(exact))), Decimal(float(exact))):
                raise Misfit("more than a double holds")
        return value


def canonical(key):
    """A key as something that two spellings of it share."""
    parts = []
    for name, value in sorted(key.items()):
        (tag, inner), = value.items()
        parts.append((name, tag, number(inner) if tag == "N" else inner))
    return tuple(parts)


def to_botocore(value):
    """Bytes in place of base64, at any depth."""
    return rebuilt(value, base64.b64decode)


def from_botocore(value):
    """Base64 in place of bytes, at any depth; sets in an order of their own."""
    return rebuilt(value, lambda data: base64.b64encode(bytes(data)).decode())


def rebuilt(value, binary):
    (tag, inner), = value.items()
    if tag == "B":
        return {tag: binary(inner)}
    if tag == "BS":
        return {tag: [binary(element) for element in inner]}
    if tag == "L":
        return {tag: [rebuilt(element, binary) for element in inner]}
    if tag == "M":
        return {tag: {name: rebuilt(element, binary) for name, element in inner.items()}}
    return {tag: inner}
