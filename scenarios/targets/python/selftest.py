"""Drives an adapter through the methods that it declares, against any DynamoDB endpoint.

    python selftest.py http://127.0.0.1:8000 COMMAND [ARGUMENT ...]

It needs boto3 to make tables and to look at raw items; run it with a target's own Python. What an
adapter answers with `unsupported` is listed, not failed: it shows that an adapter works at all, and
the harness judges whether the library is right.
"""

import json
import subprocess
import sys
import uuid

import boto3

FIELDS = [
    ("id", "string"),
    ("at", "decimal"),
    ("name", "string"),
    ("n", "decimal"),
    ("flag", "bool"),
    ("data", "bytes"),
    ("tags", {"list": "string"}),
    ("map", {"map": "string"}),
    ("roles", {"set": "string"}),
    ("nums", {"set": "number"}),
    ("org", "string"),
]


class Adapter:
    """A running adapter, and what it has answered so far."""

    def __init__(self, command, url):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.number, self.unsupported, self.failures, self.passed = 0, [], [], 0
        endpoint = {"url": url, "region": "us-east-1", "access_key_id": "k", "secret_access_key": "s"}
        self.about = self.call("initialize", protocol=1, endpoint=endpoint, seed=1)["result"]

    def offers(self, kind):
        """Whether the adapter declares a type."""
        names = {kind if isinstance(kind, str) else next(iter(kind)) for kind in self.about["types"]}
        return (kind if isinstance(kind, str) else next(iter(kind))) in names

    def call(self, method, **params):
        params = {name.rstrip("_"): value for name, value in params.items()}
        self.number += 1
        request = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": params}
        self.process.stdin.write((json.dumps(request) + "\n").encode())
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert answer["id"] == self.number, answer
        return answer

    def check(self, what, method, expected, **params):
        """One call, whose result or kind of error is compared."""
        if method not in self.about["methods"]:
            return
        answer = self.call(method, **params)
        if answer.get("error", {}).get("data", {}).get("kind") == "unsupported":
            self.unsupported.append(f"{what}: {answer['error']['message']}")
            return
        seen = answer["result"] if "result" in answer else answer["error"]["data"]["kind"]
        if expected(seen) if callable(expected) else seen == expected:
            self.passed += 1
        else:
            self.failures.append(f"{what}: {json.dumps(answer)}")


def table(client, sort=True):
    """A fresh table with an index over `org`."""
    name = f"t{uuid.uuid4().hex}"
    keys = [{"AttributeName": "id", "KeyType": "HASH"}]
    types = [{"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "org", "AttributeType": "S"}]
    if sort:
        keys.append({"AttributeName": "at_", "KeyType": "RANGE"})
        types.append({"AttributeName": "at_", "AttributeType": "N"})
    index = {
        "IndexName": "by_org",
        "KeySchema": [{"AttributeName": "org", "KeyType": "HASH"}] + keys[1:],
        "Projection": {"ProjectionType": "ALL"},
    }
    client.create_table(
        TableName=name,
        KeySchema=keys,
        AttributeDefinitions=types,
        GlobalSecondaryIndexes=[index],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def model(adapter, name, table, sort=True):
    """A model of what the adapter declares, whose sort key is stored under another name."""
    index = {"name": "by_org", "partition_key": "org", "projection": "all"}
    fields = [{"name": field, "attribute": field, "type": kind} for field, kind in FIELDS]
    fields[1]["attribute"] = "at_"
    fields = [field for field in fields if adapter.offers(field["type"])]
    whole = {"name": name, "table": table, "partition_key": "id", "fields": fields, "indexes": [index]}
    if sort:
        whole["sort_key"] = index["sort_key"] = "at"
    return whole


def run(adapter, client):
    """All methods once or more."""
    name = table(client)
    adapter.check("define", "define", {}, model=model(adapter, "M", name))

    def raw(at=1):
        return client.get_item(TableName=name, Key={"id": {"S": "a"}, "at_": {"N": str(at)}}).get("Item")

    def key(at=1):
        return {"id": {"S": "a"}, "at": {"N": str(at)}}

    def record(at=1, **more):
        return key(at) | {"name": {"S": "x"}, "n": {"N": "1"}, "org": {"S": "o"}} | more

    def rows(count):
        return lambda seen: isinstance(seen, dict) and len(seen["records"]) == count

    full = record(
        flag={"BOOL": False},
        data={"B": "AAE="},
        tags={"L": [{"S": "p"}, {"S": "q"}]},
        map={"M": {"k": {"S": "v"}}},
        roles={"SS": ["r1", "r2"]},
        nums={"NS": ["1", "2.5"]},
    )
    full = {name: value for name, value in full.items() if name != "data" or adapter.offers("bytes")}
    create = "create" if "create" in adapter.about["methods"] else "put"
    adapter.check(create, create, {}, model="M", record=full)
    assert raw().get("data", {"B": b"\0\1"}) == {"B": b"\0\1"} and raw()["map"] == {"M": {"k": {"S": "v"}}}, raw()
    adapter.check("get", "get", lambda seen: plain(seen["record"]) == plain(full), model="M", key=key())
    adapter.check("get nothing", "get", {"record": None}, model="M", key=key(99))

    operands = adapter.about.get("update_operands")
    changes = [
        ("set", dict(set={"name": {"S": "y"}, "n": {"N": "7"}}), "n", {"N": "7"}),
        ("remove", dict(remove=["flag"]), "flag", None),
        ("add", dict(add={"n": {"N": "2"}}), "n", {"N": "9"}),
        ("add to a set", dict(add={"nums": {"NS": ["3"]}}), "nums", {"NS": ["1", "2.5", "3"]}),
        ("delete from a set", dict(delete_from_set={"roles": {"SS": ["r1"]}}), "roles", {"SS": ["r2"]}),
        ("append", dict(append={"tags": {"L": [{"S": "z"}]}}), "tags", texts("p", "q", "z")),
        ("prepend", dict(prepend={"tags": {"L": [{"S": "o"}]}}), "tags", texts("o", "p", "q", "z")),
        ("remove a path", dict(remove=[["map", "k"]]), "map", {"M": {}}),
        ("set_path", dict(set_path=[[["tags", 0], {"S": "0"}]]), "tags", texts("0", "p", "q", "z")),
        ("set_path", dict(set_path=[[["map", "a.b c"], {"S": "0"}]]), "map", {"M": {"a.b c": {"S": "0"}}}),
    ]
    for form in ("builder", "patch"):
        for what, change, attribute, stored in changes:
            if form not in adapter.about["update_forms"] or form == "patch" and what not in ("set", "remove"):
                continue
            if operands is not None and not change.keys() <= set(operands):
                continue
            count = len(adapter.unsupported)
            adapter.check(f"{form} {what}", "update", lambda seen: isinstance(seen, dict), model="M", key=key(), form=form, **change)
            if count == len(adapter.unsupported) and what != "set" and form == "builder":
                assert plain(raw().get(attribute)) == plain(stored), (what, raw())

    no = {"eq": [["name"], {"S": "other"}]}
    adapter.check("put", "put", {}, model="M", record=full)
    for what, tree in conditions():
        if not operators(tree) <= set(adapter.about["conditions"]):
            continue
        count = len(adapter.unsupported)
        adapter.check(f"put if {what}", "put", {}, model="M", record=full, if_=tree)
        if count == len(adapter.unsupported):
            adapter.check(f"put if not {what}", "put", "condition_failed", model="M", record=full, if_={"not": tree})
    adapter.check("delete if", "delete", "condition_failed", model="M", key=key(), if_=no)
    adapter.check("update if", "update", "condition_failed", model="M", key=key(), form="builder", set={"n": {"N": "3"}}, if_=no)
    adapter.check("delete", "delete", {}, model="M", key=key())
    assert raw() is None

    many = [record(at, n={"N": str(at)}) for at in range(1, 31)]
    adapter.check("batch_put", "batch_put", lambda seen: not seen.get("unprocessed"), model="M", records=many)
    adapter.check("batch_get", "batch_get", rows(30), model="M", keys=[key(at) for at in range(1, 40)])
    adapter.check("query", "query", rows(30), model="M", partition={"id": {"S": "a"}})
    some = {"between": [["n"], {"N": "3"}, {"N": "12"}]}
    adapter.check("filter", "query", rows(10), model="M", partition={"id": {"S": "a"}}, filter=some)
    adapter.check("limit", "query", rows(4), model="M", partition={"id": {"S": "a"}}, filter=some, limit=4)
    adapter.check("sort", "query", rows(5), model="M", partition={"id": {"S": "a"}}, sort={"gt": {"N": "25"}})
    adapter.check("sort", "query", rows(3), model="M", partition={"id": {"S": "a"}}, sort={"between": [{"N": "2"}, {"N": "4"}]})
    last = lambda seen: seen["records"][0]["at"] == {"N": "30"}  # noqa: E731
    adapter.check("order", "query", last, model="M", partition={"id": {"S": "a"}}, order="desc", limit=1)
    adapter.check("index", "query", rows(30), model="M", index="by_org", partition={"org": {"S": "o"}})
    adapter.check("select", "query", lambda seen: set(seen["records"][0]) <= {"name", "at", "id"}, model="M", partition={"id": {"S": "a"}}, select=["name", "at"])
    adapter.check("scan", "scan", rows(10), model="M", filter=some)
    adapter.check("scan index", "scan", rows(30), model="M", index="by_org")
    page, seen = {"size": 7}, 0
    while "query" in adapter.about["methods"]:
        answer = adapter.call("query", model="M", partition={"id": {"S": "a"}}, page=page)
        if "error" in answer:
            adapter.unsupported.append(f"page: {answer['error']['message']}")
            break
        assert len(answer["result"]["records"]) <= 7
        seen += len(answer["result"]["records"])
        if not answer["result"].get("cursor"):
            assert seen == 30, seen
            break
        page = {"size": 7, "cursor": answer["result"]["cursor"]}
    adapter.check("batch_delete", "batch_delete", lambda seen: not seen.get("unprocessed"), model="M", keys=[key(at) for at in range(4, 31)])
    adapter.check("scan", "scan", rows(3), model="M")

    actions = [
        {"put": {"model": "M", "record": record(50)}},
        {"delete": {"model": "M", "key": key(1)}},
        {"update": {"model": "M", "key": key(2), "form": "builder", "set": {"name": {"S": "t"}}}},
    ]
    adapter.check("transact", "transact", {}, actions=actions)
    check = {"check": {"model": "M", "key": key(3), "if": no}}
    adapter.check("transact check", "transact", "condition_failed", actions=[actions[1], check])
    adapter.check("scan", "scan", rows(3), model="M")
    stored = adapter.call("marshal", model="M", record=full).get("result")
    if stored:
        adapter.check("unmarshal", "unmarshal", lambda seen: plain(seen["record"]) == plain(full), model="M", item=stored["item"])

    name = table(client, sort=False)
    adapter.check("define again", "define", {}, model=model(adapter, "M", name, sort=False))
    adapter.check("put", "put", {}, model="M", record={"id": {"S": "z"}, "at": {"N": "1"}})
    adapter.check("reset", "reset", {})
    adapter.check("scan after reset", "scan", rows(1), model="M")
    adapter.call("shutdown")
    adapter.process.wait(timeout=10)


def texts(*values):
    return {"L": [{"S": value} for value in values]}


def conditions():
    """One true condition an operator, on the full record."""
    yield "eq", {"eq": [["name"], {"S": "x"}]}
    yield "ne", {"ne": [["name"], {"S": "y"}]}
    for operator, number in (("lt", "2"), ("le", "1"), ("gt", "0"), ("ge", "1")):
        yield operator, {operator: [["n"], {"N": number}]}
    yield "between", {"between": [["n"], {"N": "1"}, {"N": "2"}]}
    yield "in", {"in": [["name"], [{"S": "u"}, {"S": "x"}]]}
    yield "begins_with", {"begins_with": [["org"], {"S": "o"}]}
    yield "contains", {"contains": [["roles"], {"S": "r1"}]}
    yield "exists", {"exists": ["tags", 1]}
    yield "not_exists", {"not_exists": ["tags", 2]}
    yield "type", {"type": [["name"], "S"]}
    yield "size", {"size": [["tags"], "ge", 2]}
    yield "size", {"size": [["tags"], "ne", 3]}
    yield "path", {"eq": [["map", "k"], {"S": "v"}]}
    yes, no = {"exists": ["name"]}, {"not_exists": ["name"]}
    yield "tree", {"and": [{"or": [no, yes]}, {"not": {"and": [yes, no]}}, yes]}
    yield "group of one", {"or": [yes]}


def operators(tree):
    """The operators of a condition tree."""
    (operator, inner), = tree.items()
    inner = inner if operator in ("and", "or") else [inner] if operator == "not" else []
    return {operator}.union(*[operators(part) for part in inner])


def plain(value):
    """Sets in an order, bytes as text: for comparison."""
    if isinstance(value, dict):
        return {name: sorted(map(str, inner)) if name in ("SS", "NS", "BS") else plain(inner) for name, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def main():
    url, command = sys.argv[1], sys.argv[2:]
    credentials = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    adapter = Adapter(command, url)
    run(adapter, boto3.client("dynamodb", endpoint_url=url, **credentials))
    for line in adapter.unsupported:
        print(f"unsupported  {line}")
    for line in adapter.failures:
        print(f"FAILED       {line}")
    print(f"{adapter.passed} passed, {len(adapter.failures)} failed")
    return 1 if adapter.failures else 0


if __name__ == "__main__":
    sys.exit(main())
