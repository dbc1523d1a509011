"""Bugs of expressions, reads, values, errors and names."""

import base64
import json
import os
import random
import re
import sys

import expressions
import values
from correct import Mapper
from expressions import Expressions, Refused
from planting import bug, replace
from records import received
from values import Codec, is_empty, split


# well_formed


@bug("well_formed", "a name is defined and not used when a condition repeats a field")
def unused_placeholder():
    @replace(Expressions, "request")
    def request(original, self):
        found = original(self)
        if len(self.names) > 2:
            found["ExpressionAttributeNames"] = found["ExpressionAttributeNames"] | {"#spare": "spare"}
        return found


@bug("well_formed", "IN is sent with any number of operands")
def in_without_limit():
    expressions.IN_AT_MOST = 10**9


@bug("well_formed", "the type's name of a type condition stands in the expression as text")
def type_as_text():
    @replace(Expressions, "leaf")
    def leaf(original, self, operator, operands):
        if operator == "type":
            return f'attribute_type({self.path(operands[0])}, "{operands[1]}")', True
        return original(self, operator, operands)


@bug("well_formed", "plain names stand in a projection as they are, reserved words among them")
def projection_without_placeholders():
    @replace(Mapper, "read_request")
    def read_request(original, self, model, e, request, params):
        found = original(self, model, e, request, params)
        projection = found.get("ProjectionExpression", "")
        if re.fullmatch(r"#n\d+", projection) and found["ExpressionAttributeNames"][projection].isidentifier():
            if projection + " " not in found.get("KeyConditionExpression", "") + " " + found.get("FilterExpression", ""):
                found["ProjectionExpression"] = found["ExpressionAttributeNames"].pop(projection)
                if not found["ExpressionAttributeNames"]:
                    del found["ExpressionAttributeNames"]
        return found


# meaning


@bug("meaning", "groups are written without brackets, though the contract says grouped")
def groups_lose_brackets():
    @replace(Expressions, "unit")
    def unit(original, self, tree):
        return original(self, tree) if "not" in tree else self.tree(tree)[0]


@bug("meaning", "NOT binds to the first operand of its group only")
def not_binds_first():
    @replace(Expressions, "tree")
    def tree(original, self, tree):
        return (f"NOT {self.tree(tree['not'])[0]}", True) if "not" in tree else original(self, tree)


@bug("meaning", "prepend puts behind")
def prepend_appends():
    @replace(Mapper, "extended")
    def extended(original, self, model, e, name, value, behind):
        return original(self, model, e, name, value, True)


@bug("meaning", "between leaves out its upper end")
def between_excludes_end():
    @replace(Expressions, "leaf")
    def leaf(original, self, operator, operands):
        if operator == "between":
            path = self.path(operands[0])
            low, high = [self.operand(operands[0], value) for value in operands[1:]]
            return f"({path} >= {low} AND {path} < {high})", True
        return original(self, operator, operands)


@bug("meaning", "the tenth value of an expression shares a placeholder with the first")
def placeholders_wrap():
    @replace(Expressions, "value")
    def value(original, self, value):
        placeholder = f":v{len(self.values) % 10}"
        if len(self.values) < 10:
            return original(self, value)
        self.values[placeholder] = value
        return placeholder


# never_broader


@bug("never_broader", "the filter is dropped when an index is read")
def index_drops_filter():
    @replace(Mapper, "read_request")
    def read_request(original, self, model, e, request, params):
        without = {name: value for name, value in params.items() if name != "filter"}
        return original(self, model, e, request, without if params.get("index") is not None else params)


@bug("never_broader", "begins_with on the sort key reads everything from there on")
def begins_with_is_at_least():
    @replace(Mapper, "sort")
    def sort(original, self, model, e, name, operator, operand):
        return original(self, model, e, name, "ge" if operator == "begins_with" else operator, operand)


@bug("never_broader", "a limit is sent as the page's limit and the read ends after one page")
def limit_before_filter():
    @replace(Mapper, "rows")
    def rows(original, self, operation, request, params):
        if params.get("limit") and params.get("page") is None:
            request = request | {"Limit": params["limit"]}
            answer = self.send(operation, request)
            items = [received(item) for item in answer["Items"]]
            return {"records": [self.chosen_fields(self.record(self.model(params), item), params) for item in items]}
        return original(self, operation, request, params)


@bug("never_broader", "a read in falling order forgets the sort condition")
def falling_order_forgets_sort():
    @replace(Mapper, "query_request")
    def query_request(original, self, params):
        return original(self, params | {"sort": None} if params.get("order") == "desc" else params)


# round_trip


@bug("round_trip", "integers pass through a double")
def integers_as_doubles():
    @replace(Codec, "integer")
    def integer(original, self, value, name):
        original(self, value, name)
        return {"N": str(int(float(value["N"])))}


@bug("round_trip", "texts lose the white space at their ends")
def texts_are_trimmed():
    @replace(Codec, "scalar")
    def scalar(original, self, value, name):
        value = original(self, value, name)
        return {"S": value["S"].strip()} if name == "string" else value


@bug("round_trip", "an empty map inside a list becomes NULL")
def empty_map_in_list_is_null():
    @replace(Codec, "convert")
    def convert(original, self, value, kind, storing):
        found = original(self, value, kind, storing)
        if storing and "L" in found:
            return {"L": [{"NULL": True} if element == {"M": {}} else element for element in found["L"]]}
        return found


@bug("round_trip", "bytes lose their trailing zeros")
def bytes_lose_zeros():
    @replace(Codec, "scalar")
    def scalar(original, self, value, name):
        value = original(self, value, name)
        if name != "bytes":
            return value
        return {"B": base64.b64encode(base64.b64decode(value["B"]).rstrip(b"\0")).decode()}


# valid_values


@bug("valid_values", "empty sets are sent")
def empty_sets_are_sent():
    @replace(Codec, "set")
    def set_(original, self, value, storing):
        return value if is_empty(value) else original(self, value, storing)


@bug("valid_values", "numbers are not checked against what DynamoDB holds")
def numbers_unchecked():
    values.number = lambda text: values.Decimal(text)


@bug("valid_values", "a set of three texts or more is sent with a member twice")
def sets_with_doubles():
    @replace(Codec, "set")
    def set_(original, self, value, storing):
        (tag, members), = original(self, value, storing).items()
        return {tag: members + members[:1]} if storing and tag == "SS" and len(members) > 2 else {tag: members}


# deterministic


@bug("deterministic", "placeholders are numbered from a random start")
def random_placeholders():
    @replace(Expressions, "name")
    def name(original, self, attribute):
        for placeholder, known in self.names.items():
            if known == attribute:
                return placeholder
        self.names[f"#n{random.randrange(10**6)}"] = attribute
        return list(self.names)[-1]


@bug("deterministic", "fields are written in the order of a hash that each process seeds")
def hash_order():
    @replace(Mapper, "changes")
    def changes(original, self, model, params, e, clauses):
        if params.get("set"):
            params = params | {"set": {name: params["set"][name] for name in set(params["set"])}}
        if params["form"] == "partial":
            params = params | {"record": {name: params["record"][name] for name in set(params["record"])}}
        return original(self, model, params, e, clauses)


# total


@bug("total", "a stored NULL in a field that takes none ends the process")
def null_kills():
    @replace(Codec, "load")
    def load(original, self, value, kind):
        if "NULL" in value and split(kind)[0] not in ("option", "any"):
            os._exit(3)
        return original(self, value, kind)


@bug("total", "a record with an attribute that the model does not declare is not answered")
def undeclared_hangs():
    @replace(Mapper, "record")
    def record(original, self, model, item):
        known = {field["attribute"] for field in model.fields.values()}
        while set(item) - known - {self.chosen.managed}:
            pass
        return original(self, model, item)


@bug("total", "a debug line goes to standard output when a text holds a line break")
def prints_line_breaks():
    @replace(Codec, "scalar")
    def scalar(original, self, value, name):
        if name == "string" and "\n" in value["S"]:
            print("multi-line text")
        return original(self, value, name)


# canary


@bug("canary", "the error of a value that does not fit shows the value")
def misfit_shows_value():
    @replace(Mapper, "store")
    def store(original, self, field, value):
        try:
            return original(self, field, value)
        except Refused as refused:
            raise Refused(refused.kind, f"{refused} in {json.dumps(value)}") from None


@bug("canary", "a failed condition is logged with the record")
def failure_logs_record():
    @replace(Mapper, "error")
    def error(original, self, error):
        found = original(self, error)
        if found["data"]["kind"] in ("condition_failed", "duplicate"):
            print(f"failed: {getattr(self, 'last', None)}", file=sys.stderr, flush=True)
        return found

    @replace(Mapper, "send")
    def send(original, self, operation, request):
        self.last = request
        return original(self, operation, request)


@bug("canary", "an error carries the request's values among its fields")
def fields_carry_values():
    @replace(Mapper, "error")
    def error(original, self, error):
        found = original(self, error)
        found["data"]["fields"]["values"] = json.dumps(getattr(self, "last", {}).get("ExpressionAttributeValues", {}))
        return found

    @replace(Mapper, "send")
    def send(original, self, operation, request):
        self.last = request
        return original(self, operation, request)


# rewrite


@bug("rewrite", "decimals are read as doubles")
def decimals_read_as_doubles():
    @replace(Codec, "load")
    def load(original, self, value, kind):
        value = original(self, value, kind)
        return {"N": repr(float(value["N"]))} if kind == "decimal" else value


@bug("rewrite", "NULL is read as no value")
def null_reads_as_absent():
    @replace(Mapper, "record")
    def record(original, self, model, item):
        return {name: value for name, value in original(self, model, item).items() if "NULL" not in value}


@bug("rewrite", "an empty text in a list is left out when it is read")
def list_drops_empty_texts():
    @replace(Codec, "load")
    def load(original, self, value, kind):
        value = original(self, value, kind)
        return {"L": [element for element in value["L"] if element != {"S": ""}]} if "L" in value else value


@bug("rewrite", "timestamps are read in UTC without their fraction")
def timestamps_lose_fraction():
    @replace(Codec, "load")
    def load(original, self, value, kind):
        value = original(self, value, kind)
        return {"S": re.sub(r"\.\d+", "", value["S"])} if kind == "timestamp" else value


# hostile_names


@bug("hostile_names", "a name with a dot is taken for a path")
def dots_split():
    @replace(Expressions, "name")
    def name(original, self, attribute):
        return ".".join(original(self, part) for part in attribute.split("."))


@bug("hostile_names", "names that differ in case share a placeholder")
def case_twins_share():
    @replace(Expressions, "name")
    def name(original, self, attribute):
        for placeholder, known in self.names.items():
            if known.lower() == attribute.lower():
                return placeholder
        return original(self, attribute)


@bug("hostile_names", "placeholders are made of the letters of a name, and collide")
def placeholders_from_letters():
    @replace(Expressions, "name")
    def name(original, self, attribute):
        placeholder = "#" + (re.sub(r"[^A-Za-z0-9]", "", attribute) or "x")
        self.names[placeholder] = attribute
        return placeholder


@bug("hostile_names", "names with two leading underscores are private and not stored")
def dunder_is_private():
    @replace(Mapper, "item")
    def item(original, self, model, record, defaults=False):
        found = original(self, model, record, defaults)
        return {name: value for name, value in found.items() if not name.startswith("__")}


@bug("hostile_names", "a map key that is a number is written as an index")
def numeric_key_is_index():
    @replace(Expressions, "path")
    def path(original, self, path):
        if isinstance(path, list):
            path = path[:1] + [int(part) if isinstance(part, str) and part.isascii() and part.isdigit() else part for part in path[1:]]
        return original(self, path)
