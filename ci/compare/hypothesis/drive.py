"""Drives the strangers' mapper with Hypothesis, in process, and prints one line of JSON.

    drive.py PROPERTY BUG|- SEED SECONDS    with the endpoint on standard input, as JSON

No pipe and no second process stand between Hypothesis and the mapper, whereas Proofhouse speaks the target protocol with
it over a pipe. On the other hand Proofhouse has the engine in its own process, and this side sets up and reads the
tables over HTTP, as a test in Python does.

`cases` counts calls of the test, those that `assume` gives up among them; the clock starts when the mapper is ready.
Shrinking may take SECONDS too.
"""

import json
import os
import sys
import time

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import UnsatisfiedAssumption

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../../scenarios/targets/strangers"))

import bugs_of_the_rest  # noqa: E402, F401 - registers its bugs
import bugs_of_writes  # noqa: E402, F401
from correct import Mapper, options  # noqa: E402
from planting import BUGS  # noqa: E402
from properties import PROPERTIES, World  # noqa: E402
from table import Tables  # noqa: E402


class TimeIsOver(KeyboardInterrupt):
    """Ends the search: Hypothesis has no budget in time, and takes no other exception as the wish to stop."""


class Watch:
    """What the calls of the test tell: how many there were, when the first failed, the last that failed."""

    def __init__(self, seconds):
        self.begin, self.seconds = time.monotonic(), seconds
        self.calls = self.discarded = 0
        self.first = self.cases = self.least = self.text = self.first_size = None

    def elapsed(self):
        return time.monotonic() - self.begin

    def check(self, test, case):
        if self.elapsed() > (self.seconds if self.first is None else self.first + self.seconds):
            raise TimeIsOver
        self.calls += 1
        try:
            test(case)
        except UnsatisfiedAssumption:
            self.discarded += self.first is None
            raise
        except AssertionError as error:
            size = len(case[1]) + len(case[2])
            if self.first is None:
                self.first, self.cases, self.first_size = self.elapsed(), self.calls, size
            # Hypothesis ends with its least case.
            self.least, self.text = size, f"{error} {case[1:]}"
            raise

    def line(self):
        found = self.first is not None
        return {
            "found": found, "cases": self.cases if found else self.calls, "discarded": self.discarded,
            "seconds": self.first if found else self.elapsed(),
            "shrunk": self.elapsed() if found else None, "runs": self.calls - self.cases if found else None,
            "from": self.first_size, "to": self.least, "text": self.text,
        }


def main():
    name, bug, number, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    endpoint = json.load(sys.stdin)
    if bug != "-":
        BUGS[bug][2]()
    mapper = Mapper(options([]))
    mapper.initialize({"endpoint": endpoint, "protocol": 1})
    world, (strategy, judge) = World(mapper, Tables(endpoint)), PROPERTIES[name]
    watch = Watch(seconds)

    @seed(number)
    @settings(
        database=None, deadline=None, derandomize=False, max_examples=10**9, report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck), verbosity=Verbosity.quiet,
    )
    @given(strategy())
    def test(case):
        watch.check(lambda case: judge(world, case), case)

    try:
        test()
    except (AssertionError, TimeIsOver):
        pass
    print(json.dumps(watch.line()))


if __name__ == "__main__":
    main()
