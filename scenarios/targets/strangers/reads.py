"""Reads: pages, limits and cursors."""

import base64
import json

from expressions import Refused
from records import received


class Reads:
    def get(self, params):
        model = self.model(params)
        request = {"TableName": model.table, "Key": self.key(model, params["key"])}
        if params.get("consistent") is not None:
            request["ConsistentRead"] = params["consistent"]
        item = self.send("get_item", request).get("Item")
        return {"record": None if item is None else self.record(model, received(item))}

    def query_request(self, params):
        model = self.model(params)
        e, keys = self.expressions(model), model.keys_of(params.get("index"))
        if list(params["partition"]) != keys[:1]:
            raise Refused("validation", "the partition is given by the partition key")
        condition = f"{e.path(keys[0])} = {self.key_operand(model, e, keys[0], params['partition'][keys[0]])}"
        for operator, operand in (params.get("sort") or {}).items():
            if len(keys) == 1:
                raise Refused("validation", "there is no sort key")
            condition += f" AND {self.sort(model, e, keys[1], operator, operand)}"
        self.check_filter(params.get("filter"), keys)
        request = {"TableName": model.table, "KeyConditionExpression": condition}
        if params.get("order") is not None:
            request["ScanIndexForward"] = params["order"] == "asc"
        return self.read_request(model, e, request, params)

    def sort(self, model, e, name, operator, operand):
        path = e.path(name)
        operands = operand if operator == "between" else [operand]
        values = [self.key_operand(model, e, name, value) for value in operands]
        if operator == "between":
            return f"{path} BETWEEN {values[0]} AND {values[1]}"
        if operator == "begins_with":
            return f"begins_with({path}, {values[0]})"
        return f"{path} {dict(eq='=', lt='<', le='<=', gt='>', ge='>=')[operator]} {values[0]}"

    def key_operand(self, model, e, name, value):
        return e.operand([name], value)

    def check_filter(self, tree, keys):
        for operator, operands in (tree or {}).items():
            if operator in ("and", "or", "not"):
                for part in [operands] if operator == "not" else operands:
                    self.check_filter(part, keys)
            elif (operands if operator in ("exists", "not_exists") else operands[0])[0] in keys:
                raise Refused("validation", "a filter on a key of the query")

    def scan_request(self, params):
        model = self.model(params)
        model.keys_of(params.get("index"))
        return self.read_request(model, self.expressions(model), {"TableName": model.table}, params)

    def read_request(self, model, e, request, params):
        page = params.get("page") or {}
        if params.get("index") is not None:
            request["IndexName"] = params["index"]
        if params.get("filter") is not None:
            request["FilterExpression"] = e.condition(params["filter"])
        if params.get("select"):
            request["ProjectionExpression"] = ", ".join(e.path(path) for path in self.selected(model, params))
        if page.get("size") is not None:
            request["Limit"] = page["size"]
        if page.get("cursor") is not None:
            request["ExclusiveStartKey"] = opened(page["cursor"])
        return request | e.request()

    def selected(self, model, params):
        """The paths of `select` without those that lie within another; the keys too where a cursor may need them."""
        paths = [path if isinstance(path, list) else [path] for path in params["select"]]
        if params.get("page") is not None and params.get("limit") is not None:
            paths += [[name] for name in {*model.keys, *model.keys_of(params.get("index"))}]
            paths.sort(key=len)
        kept = []
        for path in sorted(paths, key=len):
            if not any(path[: len(other)] == other for other in kept):
                kept.append(path)
        return kept

    def query(self, params):
        return self.rows("query", self.query_request(params), params)

    def scan(self, params):
        return self.rows("scan", self.scan_request(params), params)

    def rows(self, operation, request, params):
        model, limit = self.model(params), params.get("limit")
        if limit == 0:
            return {"records": []}
        items, last = [], None
        while True:
            answer = self.send(operation, request)
            items += [received(item) for item in answer["Items"]]
            last = answer.get("LastEvaluatedKey")
            if last is None or params.get("page") is not None or (limit is not None and len(items) >= limit):
                break
            request["ExclusiveStartKey"] = received(last)
        cursor = received(last) if last is not None else None
        if limit is not None and len(items) > limit:
            items = items[:limit]
            if params.get("page") is not None:
                names = dict.fromkeys(model.keys + model.keys_of(params.get("index")))
                cursor = {model.attribute(name): items[-1][model.attribute(name)] for name in names}
        records = [self.chosen_fields(self.record(model, item), params) for item in items]
        paged = params.get("page") is not None and cursor is not None
        return {"records": records, **({"cursor": sealed(cursor)} if paged else {})}

    def chosen_fields(self, record, params):
        if not params.get("select"):
            return record
        roots = {path[0] if isinstance(path, list) else path for path in params["select"]}
        return {name: value for name, value in record.items() if name in roots}


def sealed(key):
    return base64.urlsafe_b64encode(json.dumps(key, sort_keys=True).encode()).decode()


def opened(cursor):
    try:
        return json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except ValueError:
        raise Refused("validation", "no cursor of this mapper") from None
