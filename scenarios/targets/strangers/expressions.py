"""Expressions with every name and every value behind a placeholder."""

from values import is_absent, split

COMPARATORS = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
# The documents disagree on whether the left side counts among the 100 operands of IN.
IN_AT_MOST = 99


class Refused(Exception):
    """What the caller asked for is refused before any request."""

    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


class Expressions:
    """The expressions of one request, which share their placeholders."""

    def __init__(self, model, combination="grouped"):
        self.model, self.combination = model, combination
        self.names, self.values = {}, {}

    def name(self, attribute):
        for placeholder, known in self.names.items():
            if known == attribute:
                return placeholder
        placeholder = f"#n{len(self.names)}"
        self.names[placeholder] = attribute
        return placeholder

    def value(self, value):
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = value
        return placeholder

    def path(self, path):
        """A path of fields as placeholders: declared names become stored names on the way."""
        path = path if isinstance(path, list) else [path]
        field = self.model.field(path[0])
        written, kind = self.name(field["attribute"]), field["type"]
        for part in path[1:]:
            name, inner = split(kind)
            while name == "option":
                name, inner = split(inner)
            kind = inner if name in ("list", "map") else "any"
            if isinstance(part, int):
                written += f"[{part}]"
                continue
            if name == "struct":
                member = next((member for member in inner if member["name"] == part), None)
                if member is not None:
                    part, kind = member.get("attribute") or part, member["type"]
            written += f".{self.name(part)}"
        return written

    def operand(self, path, value):
        if is_absent(value):
            raise Refused("validation", "a condition needs a value")
        return self.value(self.model.operand(path, value))

    # Conditions. `tree` gives a text and whether it is one unit beside AND and OR.

    def condition(self, tree):
        """The text of a whole condition."""
        return self.tree(tree)[0]

    def unit(self, tree):
        """The text of a condition beside others."""
        text, alone = self.tree(tree)
        return text if alone else f"({text})"

    def tree(self, tree):
        (operator, operands), = tree.items()
        if operator in ("and", "or"):
            return self.group(operator, operands)
        if operator == "not":
            return f"NOT {self.unit(operands)}", True
        return self.leaf(operator, operands)

    def group(self, operator, operands):
        if not operands:
            raise Refused("validation", "an empty group")
        if len(operands) == 1:
            return self.tree(operands[0])
        if self.combination == "grouped":
            return f" {operator.upper()} ".join(self.unit(part) for part in operands), False
        flat = self.flat({operator: operands})
        if self.combination == "precedence":
            return " ".join(flat), False
        text = flat[0]
        for at in range(1, len(flat), 2):
            text = f"{text if at == 1 else f'({text})'} {flat[at]} {flat[at + 1]}"
        return text, False

    def flat(self, tree):
        """Leaves and the words between them, without brackets."""
        (operator, operands), = tree.items()
        if operator not in ("and", "or"):
            return [self.unit(tree)]
        if not operands:
            raise Refused("validation", "an empty group")
        words = self.flat(operands[0])
        for part in operands[1:]:
            words += [operator.upper(), *self.flat(part)]
        return words

    def leaf(self, operator, operands):
        if operator in ("exists", "not_exists"):
            return f"attribute_{operator}({self.path(self.plain(operands))})", True
        path = self.plain(operands[0])
        if operator == "in":
            return self.among(path, operands[1])
        if operator == "type":
            return f"attribute_type({self.path(path)}, {self.value({'S': operands[1]})})", True
        if operator == "size":
            sign, size = COMPARATORS[operands[1]], self.value({"N": str(operands[2])})
            return f"size({self.path(path)}) {sign} {size}", True
        left, right = self.path(path), [self.operand(path, value) for value in operands[1:]]
        if operator == "between":
            return f"{left} BETWEEN {right[0]} AND {right[1]}", True
        if operator in ("begins_with", "contains"):
            return f"{operator}({left}, {right[0]})", True
        return f"{left} {COMPARATORS[operator]} {right[0]}", True

    def plain(self, path):
        if self.model.field(path[0]).get("encrypted"):
            raise Refused("unsupported", "no condition on an encrypted field")
        return path

    def among(self, path, values):
        if not values:
            raise Refused("validation", "an empty list of values")
        left, right = self.path(path), [self.operand(path, value) for value in values]
        parts = [right[at : at + IN_AT_MOST] for at in range(0, len(right), IN_AT_MOST)]
        texts = [f"{left} IN ({', '.join(part)})" for part in parts]
        return " OR ".join(texts), len(texts) == 1

    def request(self):
        named = {"ExpressionAttributeNames": self.names, "ExpressionAttributeValues": self.values}
        return {name: filled for name, filled in named.items() if filled}
