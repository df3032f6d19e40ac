"""Runs Autobahn's cases against a server that sends each message back, and says how they went.

`run.py URL FOLDER [--all]`: reports go into the folder; the exit code is 0 when every case is OK or INFORMATIONAL, or not served.
"""

import asyncio
import sys
from collections import Counter

import kosoku
from kosoku._report import write_reports

# A thousand messages each, of up to 128 KiB: the first two sizes, small ones in fragments, are enough for every day.
LONG = [
    f"{group}.{case}"
    for group in ["12.1", "12.2", "12.3", "12.4", "12.5"] + [f"13.{n}" for n in range(1, 8)]
    for case in range(4, 19)
]
GOOD = ("OK", "INFORMATIONAL")
# The client lets the server use a window of 9 bits only, and the server compresses once for all clients, with 15.
NOT_SERVED = ("13.3.", "13.5.")


def mend_runner():
    """The cases 12.* and 13.* hash what comes back. kosoku 0.1.0 hands them a message that was compressed as bytes and one that
    was not as a text, which they cannot hash ("Strings must be encoded before hashing"), so that a server that leaves small
    messages as they are (RFC 7692, section 6, lets each sender choose) has no verdict. Both are handed over as bytes here.
    """
    from kosoku import _caseindex

    _caseindex.initialize_shims()
    import case12_x_x

    for case in case12_x_x.Case12_X_X + case12_x_x.Case13_X_X:
        case.onMessage = with_bytes(case.onMessage)


def with_bytes(run):
    def on_message(self, message, binary):
        if isinstance(message, str):
            message = message.encode("latin-1" if binary else "utf-8")
        run(self, message, binary)

    return on_message


async def results(url, exclude):
    try:
        return await kosoku.run_fuzzingclient(url, None, exclude, concurrency=2)
    except kosoku.FailureError as failure:
        return failure.results


def is_good(case):
    is_left_out = case.behavior.value == "UNIMPLEMENTED" and case.case_id.startswith(NOT_SERVED)
    return (case.behavior.value in GOOD or is_left_out) and case.behavior_close.value in GOOD


def main():
    url, folder = sys.argv[1:3]
    mend_runner()
    ran = asyncio.run(results(url, [] if "--all" in sys.argv else LONG))
    write_reports(ran, folder)
    bad = [it for it in ran if not is_good(it)]
    for it in bad:
        print(f"{it.case_id}: {it.behavior.value}, close {it.behavior_close.value}: {it.result} {it.result_close}")
    counts = Counter(it.behavior.value for it in ran)
    print(", ".join(f"{count} {name}" for name, count in sorted(counts.items())))
    sys.exit(1 if bad or not ran else 0)


if __name__ == "__main__":
    main()
