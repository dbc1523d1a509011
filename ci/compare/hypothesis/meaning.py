"""What a condition means on a record: True, False, or None where the documents leave it open."""

from cases import ordered
from drawing import comparable

COMPARE = {
    "lt": lambda left, right: left < right, "le": lambda left, right: left <= right,
    "gt": lambda left, right: left > right, "ge": lambda left, right: left >= right,
    "eq": lambda left, right: left == right, "ne": lambda left, right: left != right,
}


def holds(tree, record):
    (operator, operands), = tree.items()
    if operator == "not":
        inner = holds(operands, record)
        return None if inner is None else not inner
    if operator in ("and", "or"):
        parts, decisive = [holds(part, record) for part in operands], operator == "or"
        return decisive if decisive in parts else None if None in parts else not decisive
    if operator in ("exists", "not_exists"):
        return (found(record, operands) is None) == (operator == "not_exists")
    return leaf(operator, found(record, operands[0]), operands[1:])


def found(record, path):
    value = {"M": record}
    for part in path:
        if isinstance(part, int):
            elements = value.get("L", [])
            value = elements[part] if part < len(elements) else None
        else:
            value = value.get("M", {}).get(part)
        if value is None:
            return None
    return value


def leaf(operator, value, operands):
    tag = None if value is None else next(iter(value))
    if operator == "type":
        return tag == operands[0]
    if operator == "size":
        return sized(value, *operands)
    if operator == "in":
        return comparable(value) in [comparable(operand) for operand in operands[0]]
    if operator in ("eq", "ne"):
        return COMPARE[operator](comparable(value), comparable(operands[0]))
    if operator == "contains":
        return contains(value, operands[0])
    if tag is None or tag not in operands[0]:
        return False
    if operator == "begins_with":
        return ordered(value).startswith(ordered(operands[0]))
    if operator == "between":
        return ordered(operands[0]) <= ordered(value) <= ordered(operands[1])
    return COMPARE[operator](ordered(value), ordered(operands[0]))


def contains(value, operand):
    if value is None:
        return False
    (tag, content), (of, part) = comparable(value), comparable(operand)
    if tag == "L":
        return (of, part) in content
    if tag in ("SS", "NS", "BS"):
        return tag == of + "S" and part in content
    return tag == of == "S" and part in content


def sized(value, comparator, bound):
    if value is None:
        return None if comparator == "ne" else False
    (tag, content), = value.items()
    if tag in ("N", "BOOL", "NULL") or tag == "S" and not content.isascii():
        return None
    size = len(ordered(value)) if tag == "B" else len(content)
    return COMPARE[comparator](size, bound)


def sort_holds(condition, value):
    (operator, bound), = condition.items()
    if operator == "begins_with":
        return ordered(value).startswith(ordered(bound))
    if operator == "between":
        return ordered(bound[0]) <= ordered(value) <= ordered(bound[1])
    return COMPARE[operator](ordered(value), ordered(bound))
