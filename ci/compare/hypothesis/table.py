"""The tables under the mapper, through a boto3 client of their own.

Tables are kept and emptied, one for each shape of keys: to create one takes longer than a whole case.
"""

import boto3
from botocore.config import Config

from drawing import comparable, is_number
from values import from_botocore, to_botocore


def raw(item):
    return {name: to_botocore(value) for name, value in item.items()}


def key(item, names):
    """The key attributes of a raw item, so that two spellings of a number are one key."""
    return tuple(comparable(item[name]) for name in names)


class Tables:
    def __init__(self, endpoint):
        self.client = boto3.client(
            "dynamodb",
            endpoint_url=endpoint["url"],
            region_name=endpoint["region"],
            aws_access_key_id=endpoint["access_key_id"],
            aws_secret_access_key=endpoint["secret_access_key"],
            config=Config(parameter_validation=False),
        )
        self.known = {}

    def ready(self, model, items):
        """A table for the model with these raw items and no other. Its name is set in the model."""
        keys, indexes = self.schema(model)
        shape = repr((keys, indexes))
        if shape not in self.known:
            self.known[shape] = f"users{len(self.known)}"
            self.create(self.known[shape], keys, indexes)
        model["table"] = self.known[shape]
        names = [attribute for attribute, _ in keys]
        wanted = {key(item, names) for item in items}
        old = [item for item in self.scan(model) if key(item, names) not in wanted]
        requests = [{"PutRequest": {"Item": raw(item)}} for item in items]
        requests += [{"DeleteRequest": {"Key": raw({name: item[name] for name in names})}} for item in old]
        if requests:
            self.client.batch_write_item(RequestItems={model["table"]: requests})

    def schema(self, model):
        def typed(name):
            field = model["by_name"][name]
            kind = "N" if is_number(field["type"]) else "B" if field["type"] == "bytes" else "S"
            return field["attribute"], kind

        keys = [typed(name) for name in model["keys"]]
        indexes = []
        for index in model["indexes"]:
            names = [index[part] for part in ("partition_key", "sort_key") if part in index]
            projection = {"ProjectionType": {"all": "ALL", "keys": "KEYS_ONLY"}.get(str(index["projection"]), "INCLUDE")}
            if projection["ProjectionType"] == "INCLUDE":
                projection["NonKeyAttributes"] = [model["by_name"][name]["attribute"] for name in index["projection"]]
            indexes.append((index["name"], [typed(name) for name in names], projection))
        return keys, indexes

    def create(self, table, keys, indexes):
        def schema(keys):
            return [{"AttributeName": name, "KeyType": kind} for (name, _), kind in zip(keys, ["HASH", "RANGE"])]

        of_all = dict(keys) | {name: kind for _, inner, _ in indexes for name, kind in inner}
        made = [{"IndexName": name, "KeySchema": schema(inner), "Projection": shown} for name, inner, shown in indexes]
        self.client.create_table(
            TableName=table,
            KeySchema=schema(keys),
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in of_all.items()],
            BillingMode="PAY_PER_REQUEST",
            **({"GlobalSecondaryIndexes": made} if made else {}),
        )

    def scan(self, model):
        """All raw items, as JSON."""
        answer = self.client.scan(TableName=model["table"], ConsistentRead=True)
        items = answer["Items"]
        while "LastEvaluatedKey" in answer:
            answer = self.client.scan(
                TableName=model["table"], ConsistentRead=True, ExclusiveStartKey=answer["LastEvaluatedKey"]
            )
            items += answer["Items"]
        return [{name: from_botocore(value) for name, value in item.items()} for item in items]
