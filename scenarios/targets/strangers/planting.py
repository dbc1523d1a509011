"""How a bug is planted: a registered function that replaces methods of the correct mapper."""

BUGS = {}


def bug(prop, what):
    """Registers a function that plants the bug."""

    def register(plant):
        BUGS[plant.__name__] = (prop, what, plant)
        return plant

    return register


def replace(owner, name):
    """Replaces a method by one that is given the original first."""

    def decorate(function):
        original = getattr(owner, name)
        setattr(owner, name, lambda self, *given, **named: function(original, self, *given, **named))

    return decorate
