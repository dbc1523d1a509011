"""Bugs of updates, presence and conditions on writes."""

from botocore.exceptions import ClientError

import correct
from correct import Mapper
from expressions import Expressions
from planting import bug, replace
from records import code_of
from values import is_absent, split


# frame


@bug("frame", "a partial update removes the declared fields that it does not fill")
def partial_clears_unfilled():
    @replace(Mapper, "changes")
    def changes(original, self, model, params, e, clauses):
        touched = original(self, model, params, e, clauses)
        if params["form"] == "partial":
            for name in model.fields:
                if name not in touched and name not in model.keys and name != model.version:
                    clauses["REMOVE"].append(e.path(name))
        return touched


@bug("frame", "a named update writes every field of its record, named or not")
def named_writes_all():
    @replace(Mapper, "changes")
    def changes(original, self, model, params, e, clauses):
        if params["form"] == "named":
            names = list(dict.fromkeys([*(params.get("names") or []), *(params.get("record") or {})]))
            params = params | {"names": names}
        return original(self, model, params, e, clauses)


@bug("frame", "a set_path writes the whole field, with only the new entry in it")
def set_path_replaces_map():
    @replace(Mapper, "assign_path")
    def assign_path(original, self, model, e, clauses, path, value):
        if len(path) == 2 and isinstance(path[1], str) and not is_absent(value):
            self.set(e, clauses, path[0], {"M": {path[1]: value}})
        else:
            original(self, model, e, clauses, path, value)


@bug("frame", "whole is a put: attributes that the model does not declare are lost")
def whole_is_put():
    @replace(Mapper, "update")
    def update(original, self, params):
        if params["form"] == "whole" and params.get("if") is None and not self.model(params).version:
            record = params["record"] | params["key"]
            return self.put({"model": params["model"], "record": record})
        return original(self, params)


@bug("meaning", "an index below a map or a list is one too high")
def nested_index_is_next():
    @replace(Expressions, "path")
    def path(original, self, path):
        if isinstance(path, list) and len(path) > 2 and isinstance(path[-1], int):
            path = [*path[:-1], path[-1] + 1]
        return original(self, path)


# agreement


@bug("agreement", "the builder writes under the field's name, not under its attribute's")
def builder_uses_field_names():
    @replace(Mapper, "update_request")
    def update_request(original, self, params):
        request = original(self, params)
        model = self.model(params)
        if params["form"] == "builder":
            back = {model.attribute(name): name for name in model.fields}
            names = request.get("ExpressionAttributeNames", {})
            request["ExpressionAttributeNames"] = {key: back.get(value, value) for key, value in names.items()}
        return request


@bug("agreement", "a batch stores empty values of fields that omit them")
def batch_ignores_omit_empty():
    @replace(Mapper, "batch_put")
    def batch_put(original, self, params):
        fields, kept = self.model(params).fields, {}
        for name, field in fields.items():
            kept[name] = field.get("omit_empty")
            field["omit_empty"] = False
        try:
            return original(self, params)
        finally:
            for name, field in fields.items():
                field["omit_empty"] = kept[name]


@bug("agreement", "a put in a transaction leaves out NULLs")
def transact_drops_null():
    @replace(Mapper, "action")
    def action(original, self, kind, what):
        request = original(self, kind, what)
        for put in request.values():
            if "Item" in put:
                put["Item"] = {name: value for name, value in put["Item"].items() if "NULL" not in value}
        return request


@bug("agreement", "the patch form stores struct members under their field names")
def patch_keeps_member_names():
    @replace(Mapper, "assign")
    def assign(original, self, model, params, e, clauses, name, value):
        kind = split(model.field(name)["type"])[0]
        if params["form"] == "patch" and kind == "struct" and "M" in value:
            self.store(model.field(name), value)
            present = {member: inner for member, inner in value["M"].items() if not is_absent(inner)}
            self.set(e, clauses, name, {"M": present})
        else:
            original(self, model, params, e, clauses, name, value)


# presence


@bug("presence", "zero and false are taken for nothing in a patch")
def patch_skips_zero():
    @replace(Mapper, "assign")
    def assign(original, self, model, params, e, clauses, name, value):
        if params["form"] == "patch" and value in ({"N": "0"}, {"BOOL": False}):
            return
        original(self, model, params, e, clauses, name, value)


@bug("presence", "no value in a patch removes the attribute, though the contract keeps it")
def absent_removes():
    @replace(Mapper, "assign_absent")
    def assign_absent(original, self, e, clauses, name, form):
        if form == "patch":
            clauses["REMOVE"].append(e.path(name))
        else:
            original(self, e, clauses, name, form)


@bug("presence", "an explicit NULL in a patch removes the attribute")
def null_removes():
    @replace(Mapper, "set")
    def set_(original, self, e, clauses, path, value):
        if value == {"NULL": True}:
            clauses["REMOVE"].append(e.path(path))
        else:
            original(self, e, clauses, path, value)


@bug("presence", "a condition whose operand is no value disappears")
def absent_operand_disappears():
    @replace(Expressions, "group")
    def group(original, self, operator, operands):
        kept = [part for part in operands if not any(map(is_absent, flat_operands(part)))]
        return original(self, operator, kept or operands)

    @replace(Mapper, "conditions")
    def conditions(original, self, e, own, params):
        if params.get("if") is not None and any(map(is_absent, flat_operands(params["if"]))):
            params = params | {"if": None}
        return original(self, e, own, params)


def flat_operands(leaf):
    (operator, operands), = leaf.items()
    if operator in ("and", "or", "not", "exists", "not_exists"):
        return []
    return [inner for part in operands[1:] for inner in (part if isinstance(part, list) else [part])]


@bug("presence", "an empty list in a partial update clears the stored one, though the contract keeps it")
def partial_empty_list_clears():
    @replace(Mapper, "kept_by_partial")
    def kept_by_partial(original, self, model, e, clauses, name, value):
        return False if value == {"L": []} else original(self, model, e, clauses, name, value)

    correct.CONTRACT["empty_in_partial"] = "keep"


# guard


@bug("guard", "delete forgets its condition")
def delete_ignores_if():
    @replace(Mapper, "delete_request")
    def delete_request(original, self, params):
        return original(self, {name: value for name, value in params.items() if name != "if"})


@bug("guard", "a failed condition of an update is answered as a success")
def update_swallows_failure():
    @replace(Mapper, "update")
    def update(original, self, params):
        try:
            return original(self, params)
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            return {}


@bug("guard", "the checks of a transaction are left out when it also puts")
def transact_drops_checks():
    @replace(Mapper, "transact")
    def transact(original, self, params):
        actions = params["actions"]
        if any("put" in action for action in actions):
            actions = [action for action in actions if "check" not in action]
        return original(self, params | {"actions": actions})


@bug("guard", "a put with both a version and a condition checks the version only")
def version_replaces_condition():
    @replace(Mapper, "conditions")
    def conditions(original, self, e, own, params):
        return original(self, e, own, params | {"if": None} if own and self.model(params).version else params)
