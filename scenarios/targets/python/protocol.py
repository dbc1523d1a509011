"""The target protocol's side that faces the harness: lines in, lines out, errors in their shape.

An adapter is an object with one method for each method of the protocol, which takes the request's
`params` and returns its `result`, and a method `explain(error, method)` that says of which `kind`
an exception of its library is. Everything else about the library stays in the adapter.
"""

import base64
import json
import sys


class Unsupported(Exception):
    """The library has no way to do what was asked. Never a finding."""


def serve(adapter):
    """Answers requests until `shutdown` or the end of the input."""
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints belongs to the log
    for line in sys.stdin.buffer:
        if not line.strip():
            continue
        request = json.loads(line)
        answer = {"jsonrpc": "2.0", "id": request.get("id")}
        try:
            answer["result"] = call(adapter, request["method"], request.get("params") or {})
        except Exception as error:  # noqa: BLE001 - a library's failure is an answer, not the end
            answer["error"] = describe(adapter, error, request["method"])
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
        if request["method"] == "shutdown":
            return


def call(adapter, method, params):
    """One request: one method of the adapter."""
    if method == "shutdown":
        return {}
    handler = getattr(adapter, method, None) if method in adapter.METHODS else None
    if handler is None:
        raise Unsupported(f"no method {method}")
    # A JSON null for an optional parameter means that it is left out.
    return handler({name: value for name, value in params.items() if value is not None})


def describe(adapter, error, method):
    """A JSON-RPC error: the library's text and fields as they are, and the kind that they mean."""
    kind = "unsupported" if isinstance(error, Unsupported) else adapter.explain(error, method)
    fields = {name: str(value) for name, value in vars(error).items() if not name.startswith("_")}
    data = {"kind": kind, "type": type(error).__name__, "fields": fields}
    return {"code": -32000, "message": str(error), "data": data}


def absent(value):
    """Whether the caller passes the language's "no value"."""
    return isinstance(value, dict) and value.get("$absent") is True


def text_of(data):
    """Bytes as the protocol writes them."""
    return base64.b64encode(bytes(data)).decode("ascii")


def bytes_of(text):
    """Bytes from the protocol's text."""
    return base64.b64decode(text)


# What DynamoDB's error codes mean in the protocol.
KINDS = {
    "ConditionalCheckFailedException": "condition_failed",
    "ConditionalCheckFailed": "condition_failed",
    "DuplicateItemException": "duplicate",
    "DuplicateItem": "duplicate",
    "ValidationException": "validation",
    "ValidationError": "validation",
    "SerializationException": "validation",
    "ItemCollectionSizeLimitExceededException": "validation",
    "TransactionConflictException": "conflict",
    "TransactionConflict": "conflict",
    "TransactionInProgressException": "conflict",
    "IdempotentParameterMismatchException": "conflict",
    "ProvisionedThroughputExceededException": "throttled",
    "ProvisionedThroughputExceeded": "throttled",
    "RequestLimitExceeded": "throttled",
    "ThrottlingException": "throttled",
    "ThrottlingError": "throttled",
}


def kind_of_code(code, reasons=()):
    """The kind of an error code, or of the first reason for which a transaction was cancelled."""
    if code == "TransactionCanceledException":
        found = [KINDS[reason] for reason in reasons if reason in KINDS]
        return found[0] if found else "internal"
    return KINDS.get(code, "internal")
