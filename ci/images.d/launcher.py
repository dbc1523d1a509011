"""Writes DynamoDBLocal.jar into a folder: a manifest whose class path is the jars of DynamoDBLocal_lib."""

import pathlib
import sys
import zipfile

MAIN = "software.amazon.dynamodb.services.local.main.ServerRunner"


def wrapped(line: str) -> str:
    """A manifest line: 72 bytes at most, continued by a space on the next line."""
    parts = [line[:72]] + [line[at : at + 71] for at in range(72, len(line), 71)]
    return "\r\n ".join(parts) + "\r\n"


folder = pathlib.Path(sys.argv[1])
jars = sorted(path.name for path in (folder / "DynamoDBLocal_lib").glob("*.jar"))
class_path = " ".join(f"DynamoDBLocal_lib/{jar}" for jar in jars)
lines = ["Manifest-Version: 1.0", f"Main-Class: {MAIN}", f"Class-Path: {class_path}"]
with zipfile.ZipFile(folder / "DynamoDBLocal.jar", "w") as jar:
    jar.writestr("META-INF/MANIFEST.MF", "".join(map(wrapped, lines)) + "\r\n")
