"""A mapper written on boto3's low-level client by the protocol's text alone: what a stranger would bring.

It offers every method and every form. The choices that the contract leaves to a library are flags:

    correct.py --contract absent_in_patch=remove,create_overwrites=true --no version,indexes
               --types string,int64,list --forms patch,builder --managed touched
"""

import argparse
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from batches import Batches
from expressions import Refused
from reads import Reads
from records import Model, Records, code_of, sent
from values import Codec
from writes import Writes

CONTRACT = {
    "absent_in_patch": "keep",
    "empty_in_partial": "set",
    "zero_in_partial": "set",
    "create_overwrites": "false",
    "defaults_on_update": "false",
    "silent_scan": "false",
    "condition_combination": "grouped",
    "update_missing": "create",
    "key_case": "preserve",
}
METHODS = (
    "define create put get update delete query scan batch_get batch_put batch_delete transact marshal unmarshal build reset"
).split()
FORMS = ["patch", "named", "partial", "whole", "builder"]
TYPES = (
    "string bool bytes int8 int16 int32 int64 uint8 uint16 uint32 uint64 float64 decimal timestamp any "
    "list map set option struct"
).split()
CONDITIONS = "and or not eq ne lt le gt ge between in begins_with contains exists not_exists type size".split()
KINDS = {
    "ConditionalCheckFailedException": "condition_failed",
    "ConditionalCheckFailed": "condition_failed",
    "TransactionConflictException": "conflict",
    "TransactionConflict": "conflict",
    "ValidationException": "validation",
    "ValidationError": "validation",
    "ProvisionedThroughputExceededException": "throttled",
    "ProvisionedThroughputExceeded": "throttled",
    "ThrottlingException": "throttled",
    "ThrottlingError": "throttled",
    "RequestLimitExceeded": "throttled",
}


def options(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--contract", default="")
    parser.add_argument("--no", default="", help="features to leave out")
    parser.add_argument("--types", default=",".join(TYPES))
    parser.add_argument("--forms", default=",".join(FORMS))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--managed", default="", help="an attribute that every write stamps")
    parser.add_argument("--plain-names", action="store_true", help="refuse names that are no identifiers")
    chosen = parser.parse_args(arguments)
    pairs = [pair.split("=") for pair in chosen.contract.split(",") if pair]
    chosen.contract = CONTRACT | dict(pairs)
    chosen.no = [name for name in chosen.no.split(",") if name]
    return chosen


class Mapper(Records, Writes, Reads, Batches):
    def __init__(self, chosen):
        self.chosen, self.contract, self.models = chosen, chosen.contract, {}
        self.codec, self.stamps = Codec(), 0

    def initialize(self, params):
        endpoint = params["endpoint"]
        self.client = boto3.client(
            "dynamodb",
            endpoint_url=endpoint["url"],
            region_name=endpoint["region"],
            aws_access_key_id=endpoint["access_key_id"],
            aws_secret_access_key=endpoint["secret_access_key"],
            config=Config(retries={"mode": "standard", "total_max_attempts": 3}),
        )
        spoken = {"true": True, "false": False}
        contract = {key: spoken.get(value, value) for key, value in self.contract.items()}
        contract["retry"] = {"retries": 2, "cap_ms": 20000}
        contract["managed"] = [self.chosen.managed] if self.chosen.managed else []
        features = ("version", "indexes", "default", "omit_empty", "if")
        return {
            "protocol": 1,
            "name": self.name(),
            "version": "1",
            "language": "python",
            "library": {"name": "stranger", "version": "1"},
            "role": "mapper",
            "methods": ["initialize", *self.chosen.methods.split(","), "shutdown"],
            "update_forms": self.chosen.forms.split(","),
            "types": self.chosen.types.split(","),
            "conditions": CONDITIONS,
            "features": {
                "tenancy": False,
                "encrypted": False,
                "concurrent": False,
                "hostile_names": not self.chosen.plain_names,
                **{name: name not in self.chosen.no for name in features},
            },
            "contract": contract,
        }

    def name(self):
        return "stranger"

    def define(self, params):
        spec = params["model"]
        names = [field["name"] for field in spec["fields"]] + [field.get("attribute") or "a" for field in spec["fields"]]
        if self.chosen.plain_names and not all(name.isascii() and name.isidentifier() for name in names):
            raise Refused("unsupported", "names must be identifiers")
        self.models[spec["name"]] = Model(spec, self.contract["key_case"])
        return {}

    def reset(self, _params):
        return {}

    def marshal(self, params):
        return {"item": self.item(self.model(params), params["record"])}

    def unmarshal(self, params):
        return {"record": self.record(self.model(params), params["item"])}

    def build(self, params):
        inner = {"model": params["model"]} | {name: value for name, value in params["params"].items() if value is not None}
        return {"request": getattr(self, f"{params['kind']}_request")(inner)}

    def send(self, operation, request):
        return getattr(self.client, operation)(**sent(request))

    def error(self, error):
        fields = {}
        if isinstance(error, Refused):
            kind = error.kind
        elif isinstance(error, ClientError):
            kind, fields = self.kind_of(error), {"code": code_of(error)}
        elif isinstance(error, HTTPClientError):
            kind = "timeout"
        else:
            kind = "validation" if isinstance(error, BotoCoreError) else "internal"
        data = {"kind": kind, "type": type(error).__name__, "fields": fields}
        return {"code": -32000, "message": str(error), "data": data}

    def kind_of(self, error):
        if code_of(error) == "TransactionCanceledException":
            codes = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
            return next((KINDS[code] for code in codes if code in KINDS), "internal")
        return KINDS.get(code_of(error), "internal")


def serve(mapper):
    for line in sys.stdin.buffer:
        request = json.loads(line)
        answer = {"jsonrpc": "2.0", "id": request["id"]}
        params = {name: value for name, value in (request.get("params") or {}).items() if value is not None}
        try:
            if request["method"] == "shutdown":
                answer["result"] = {}
            elif request["method"] == "initialize" or request["method"] in mapper.chosen.methods.split(","):
                answer["result"] = getattr(mapper, request["method"])(params)
            else:
                raise Refused("unsupported", "no such method")
        except Exception as error:  # noqa: BLE001
            answer["error"] = mapper.error(error)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        if request["method"] == "shutdown":
            return


if __name__ == "__main__":
    serve(Mapper(options(sys.argv[1:])))
