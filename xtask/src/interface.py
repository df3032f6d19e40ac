"""What schemathesis needs to know besides the description of the interface."""

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def ndjson(_context, value):
    """Lines are sent as they are drawn."""
    return (value if isinstance(value, str) else str(value)).encode("utf-8", "surrogatepass")


@schemathesis.hook
def filter_case(_context, case):
    """A header that nobody knows is ignored, as HTTP wants it: such a request is not wrong."""
    return not any(name.lower().startswith("x-schemathesis-") for name in case.headers or {})
