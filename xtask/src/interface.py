"""What schemathesis needs to know besides the description of the interface."""

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def ndjson(_context, value):
    """Lines are sent as they are drawn."""
    return (value if isinstance(value, str) else str(value)).encode("utf-8", "surrogatepass")


def waits(body):
    """True of a claim that is right and waits for longer than a moment: it shows no more than one that does not."""
    wait_ms = body.get("wait_ms") if isinstance(body, dict) else None
    return type(wait_ms) is int and 10 < wait_ms <= 60_000


@schemathesis.hook
def filter_case(_context, case):
    """A header that nobody knows is ignored, as HTTP wants it: such a request is not wrong."""
    is_strange = any(name.lower().startswith("x-schemathesis-") for name in case.headers or {})
    return not is_strange and not waits(case.body)


@schemathesis.hook
def map_body(_context, body):
    """Claims that are drawn wait for a moment."""
    return {**body, "wait_ms": 10} if waits(body) else body
