"""Batches: split, without repeated keys, and again for what stays unprocessed."""

import time

from botocore.exceptions import BotoCoreError, ClientError

from expressions import Refused
from records import received
from values import canonical

ROUNDS = 4


class Batches:
    def batch_get(self, params):
        model = self.model(params)
        keys = {canonical(key): key for key in (self.key(model, key) for key in params["keys"])}
        found, left = self.in_batches(model, list(keys.values()), 100, self.get_batch)
        records = [self.record(model, received(item)) for item in found]
        return {"records": records, "unprocessed": [self.key_record(model, key) for key in left]}

    def get_batch(self, model, keys):
        answer = self.send("batch_get_item", {"RequestItems": {model.table: {"Keys": keys}}})
        left = answer.get("UnprocessedKeys", {}).get(model.table, {}).get("Keys", [])
        return answer["Responses"].get(model.table, []), [received(key) for key in left]

    def batch_put(self, params):
        model = self.model(params)
        if model.version:
            raise Refused("unsupported", "a batch checks no versions")
        items = [self.item(model, record) | self.stamp() for record in params["records"]]
        for item in items:
            if any(model.attribute(name) not in item for name in model.keys):
                raise Refused("validation", "a record has a key")
        names = [model.attribute(name) for name in model.keys]
        puts = {canonical({name: item[name] for name in names}): {"PutRequest": {"Item": item}} for item in items}
        return self.write_batches(model, list(puts.values()))

    def batch_delete(self, params):
        model = self.model(params)
        keys = {canonical(key): key for key in (self.key(model, key) for key in params["keys"])}
        return self.write_batches(model, [{"DeleteRequest": {"Key": key}} for key in keys.values()])

    def write_batches(self, model, requests):
        _, left = self.in_batches(model, requests, 25, self.write_batch)
        keys = [request["PutRequest"]["Item"] if "PutRequest" in request else request["DeleteRequest"]["Key"] for request in left]
        return {"unprocessed": [self.key_record(model, key) for key in keys]}

    def write_batch(self, model, requests):
        answer = self.send("batch_write_item", {"RequestItems": {model.table: requests}})
        left = answer.get("UnprocessedItems", {}).get(model.table, [])
        return [], [{kind: {name: received(item) for name, item in what.items()} for kind, what in one.items()} for one in left]

    def in_batches(self, model, requests, size, call):
        """Sends all requests; what stays unprocessed is sent again a few times, with growing pauses."""
        found, begun = [], False
        for attempt in range(ROUNDS):
            if attempt:
                time.sleep(0.05 * 2**attempt)
            parts, left = [requests[at : at + size] for at in range(0, len(requests), size)], []
            for at, part in enumerate(parts):
                try:
                    items, unprocessed = call(model, part)
                except (ClientError, BotoCoreError):
                    if not begun:
                        raise
                    return found, left + [one for rest in parts[at:] for one in rest]
                begun, found, left = True, found + items, left + unprocessed
            if not left:
                return found, []
            requests = left
        return found, requests
