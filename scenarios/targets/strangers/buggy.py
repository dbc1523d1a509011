"""The correct mapper with one planted bug, of the kinds that mappers have had.

    buggy.py --list                      names, properties and what goes wrong
    buggy.py --bug NAME [--contract …]   the mapper with this bug

The bugs were thought of from the protocol and the list of properties alone, without a look at how cases
are generated: they stand for bugs that nobody here has seen.
"""

import sys

import bugs_of_the_rest  # noqa: F401 - registers its bugs
import bugs_of_writes  # noqa: F401
from correct import Mapper, options, serve
from planting import BUGS


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--list"]:
        for name, (prop, what, _) in BUGS.items():
            print(f"{prop:14} {name:32} {what}")
        return
    if arguments[:1] != ["--bug"] or len(arguments) < 2 or arguments[1] not in BUGS:
        sys.exit("usage: buggy.py --list | --bug NAME [options of correct.py]")
    BUGS[arguments[1]][2]()
    chosen = options(arguments[2:])
    serve(Mapper(chosen))


if __name__ == "__main__":
    main()
