"""Writes: a request for each, as JSON, and what its failure means."""

from botocore.exceptions import ClientError

from expressions import Refused
from records import code_of
from values import Misfit, check_any, is_absent, is_empty, is_zero

ABSENT = {"$absent": True}


class Writes:
    def put_request(self, params, creating=False):
        model, record = self.model(params), params["record"]
        e, own = self.expressions(model), []
        item = self.item(model, record, defaults=creating)
        if creating and not self.says("create_overwrites"):
            own.append(f"attribute_not_exists({e.path(model.keys[0])})")
        if model.version:
            version = None if creating else self.version_in(model, record)
            if not creating:
                own += self.version_check(e, model, version)
            item[model.attribute(model.version)] = {"N": str(int(version["N"]) + 1 if version else 1)}
        item |= self.stamp()
        told = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"} if creating and own else {}
        return {"TableName": model.table, "Item": item, **self.conditions(e, own, params), **e.request(), **told}

    def stamp(self):
        self.stamps += 1
        return {self.chosen.managed: {"N": str(self.stamps)}} if self.chosen.managed else {}

    def delete_request(self, params):
        model = self.model(params)
        e = self.expressions(model)
        return {"TableName": model.table, "Key": self.key(model, params["key"]), **self.conditions(e, [], params), **e.request()}

    def update_request(self, params):
        model, form = self.model(params), params["form"]
        if form not in self.chosen.forms.split(","):
            raise Refused("unsupported", "no such form")
        e, own = self.expressions(model), []
        key = self.key(model, params["key"])
        clauses = {"SET": [], "REMOVE": [], "ADD": [], "DELETE": []}
        touched = self.changes(model, params, e, clauses)
        if self.says("defaults_on_update"):
            for name, field in model.fields.items():
                if self.defaulted(model, name) and name not in touched | set(model.keys) | {model.version}:
                    self.set(e, clauses, name, self.store(field, field["default"]))
        if model.version:
            own += self.versioned(model, params, e, clauses)
        elif self.contract["update_missing"] == "not_found":
            own.append(f"attribute_exists({e.path(model.keys[0])})")
        for name, value in self.stamp().items():
            clauses["SET"].append(f"{e.name(name)} = {e.value(value)}")
        texts = [f"{word} {', '.join(parts)}" for word, parts in clauses.items() if parts]
        expression = {"UpdateExpression": " ".join(texts)} if texts else {}
        told = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"} if own else {}
        return {"TableName": model.table, "Key": key, **expression, **self.conditions(e, own, params), **e.request(), **told}

    def versioned(self, model, params, e, clauses):
        """The version grows with every update; what it is checked against depends on the form."""
        expected, checks = params.get("expect_version"), []
        if expected is not None:
            checks = self.version_check(e, model, expected if isinstance(expected, dict) else {"N": str(expected)})
        elif params["form"] in ("named", "partial", "whole"):
            checks = self.version_check(e, model, self.version_in(model, params.get("record") or {}))
        path = e.path(model.version)
        clauses["SET"].append(f"{path} = if_not_exists({path}, {e.value({'N': '0'})}) + {e.value({'N': '1'})}")
        return checks

    def changes(self, model, params, e, clauses):
        """The clauses of an update. Returns the fields that it touches."""
        form, record = params["form"], params.get("record") or {}
        if form == "named":
            given = {name: record.get(name, ABSENT) for name in params.get("names") or []}
        elif form == "whole":
            rest = [name for name in model.fields if name not in record and not self.defaulted(model, name)]
            given = record | dict.fromkeys(rest, ABSENT)
        else:
            given = record if form == "partial" else params.get("set") or {}
        for name, value in given.items():
            self.assign(model, params, e, clauses, name, value)
        touched = set(given) if form != "whole" else set(record)
        for path, value in params.get("set_path") or []:
            self.assign_path(model, e, clauses, path, value)
            touched.add(path[0])
        for path in params.get("remove") or []:
            path = path if isinstance(path, list) else [path]
            self.unkeyed(model, path[0])
            clauses["REMOVE"].append(e.path(path))
            touched.add(path[0])
        for word, operands in (("ADD", "add"), ("DELETE", "delete_from_set")):
            for name, value in (params.get(operands) or {}).items():
                self.unkeyed(model, name)
                clauses[word].append(f"{e.path(name)} {e.value(self.any(value))}")
                touched.add(name)
        for operands in ("append", "prepend"):
            for name, value in (params.get(operands) or {}).items():
                clauses["SET"].append(self.extended(model, e, name, value, operands == "append"))
                touched.add(name)
        return touched

    def defaulted(self, model, name):
        """Whether an update that leaves the field out writes its default."""
        return self.says("defaults_on_update") and model.field(name).get("default") is not None

    def any(self, value):
        try:
            return check_any(value)
        except Misfit as misfit:
            raise Refused("encode", str(misfit)) from None

    def extended(self, model, e, name, value, behind):
        self.unkeyed(model, name)
        path, more = e.path(name), e.value(self.store(model.field(name), value))
        there = f"if_not_exists({path}, {e.value({'L': []})})"
        return f"{path} = list_append({there}, {more})" if behind else f"{path} = list_append({more}, {there})"

    def unkeyed(self, model, name):
        if name in model.keys or name == model.version:
            raise Refused("validation", "keys and the version are not changed by an update")

    def assign(self, model, params, e, clauses, name, value):
        """One field of an update, by what its form and the contract say of absent, empty and zero values."""
        form, field = params["form"], model.field(name)
        if name == model.version:
            return
        if name in model.keys:
            if not is_absent(value) and model.cased(name, self.store(field, value)) != model.cased(name, params["key"][name]):
                raise Refused("validation", "the record has another key")
            return
        if is_absent(value):
            self.assign_absent(e, clauses, name, form)
            return
        if form == "partial" and self.kept_by_partial(model, e, clauses, name, value):
            return
        if form != "partial" and self.stored(model, name, value) is None:
            clauses["REMOVE"].append(e.path(name))
            return
        self.set(e, clauses, name, self.store(field, value))

    def assign_absent(self, e, clauses, name, form):
        if form == "partial":
            return
        choice = "remove" if form == "whole" else self.contract["absent_in_patch"]
        if choice == "error":
            raise Refused("validation", "no value for a field of a patch")
        if choice == "remove":
            clauses["REMOVE"].append(e.path(name))
        if choice == "null":
            self.set(e, clauses, name, {"NULL": True})

    def kept_by_partial(self, model, e, clauses, name, value):
        """Whether a partial update leaves an empty or a zero value aside, or removes the attribute for it."""
        field = model.field(name)
        if is_empty(value) or is_empty(self.store(field, value)):
            choice = self.contract["empty_in_partial"]
            if choice == "error":
                raise Refused("validation", "an empty value in a partial update")
            if choice == "remove":
                clauses["REMOVE"].append(e.path(name))
            return choice != "set"
        return is_zero(value) and self.contract["zero_in_partial"] == "keep"

    def set(self, e, clauses, path, value):
        clauses["SET"].append(f"{e.path(path)} = {e.value(value)}")

    def assign_path(self, model, e, clauses, path, value):
        self.unkeyed(model, path[0])
        if is_absent(value):
            self.assign_absent(e, clauses, path, "patch")
            return
        kind, member = model.type_at(path)
        omitted = member is not None and member.get("omit_empty")
        if omitted and (is_empty(value) or is_empty(self.store({"type": kind}, value))):
            clauses["REMOVE"].append(e.path(path))
        else:
            self.set(e, clauses, path, self.store({"type": kind}, value))

    def create(self, params):
        request = self.put_request(params, creating=True)
        try:
            self.send("put_item", request)
        except ClientError as error:
            if code_of(error) == "ConditionalCheckFailedException" and not self.says("create_overwrites"):
                if "Item" in error.response or params.get("if") is None:
                    raise Refused("duplicate", "the item exists") from None
            raise
        return {}

    def put(self, params):
        self.send("put_item", self.put_request(params))
        return {}

    def update(self, params):
        try:
            self.send("update_item", self.update_request(params))
        except ClientError as error:
            if code_of(error) == "ConditionalCheckFailedException" and self.is_missing(params, error.response):
                raise Refused("not_found", "the item does not exist") from None
            raise
        return {}

    def is_missing(self, params, answer):
        checked = self.contract["update_missing"] == "not_found" and not self.model(params).version
        return checked and not answer.get("Item")

    def delete(self, params):
        self.send("delete_item", self.delete_request(params))
        return {}

    def transact(self, params):
        if not 1 <= len(params["actions"]) <= 100:
            raise Refused("validation", "a transaction has 1 to 100 actions")
        requests = []
        for action in params["actions"]:
            (kind, what), = action.items()
            requests.append(self.action(kind, what))
        try:
            self.send("transact_write_items", {"TransactItems": requests})
        except ClientError as error:
            for action, reason in zip(params["actions"], error.response.get("CancellationReasons", [])):
                failed = reason.get("Code") == "ConditionalCheckFailed"
                if failed and "update" in action and self.is_missing(action["update"], reason):
                    raise Refused("not_found", "an item does not exist") from None
            raise
        return {}

    def action(self, kind, what):
        if kind == "put":
            return {"Put": self.put_request(what)}
        if kind == "update":
            request = self.update_request(what)
            if "UpdateExpression" not in request:
                raise Refused("validation", "an update in a transaction changes something")
            return {"Update": request}
        if kind == "check" and what.get("if") is None:
            raise Refused("validation", "a check has a condition")
        return {"Delete" if kind == "delete" else "ConditionCheck": self.delete_request(what)}
