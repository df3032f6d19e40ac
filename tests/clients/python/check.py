"""Clients as applications make them, and tests that leave behind what they showed: a line for each that held."""

import asyncio
import functools
import json
import os
import unittest

from centrifuge import Client, ClientEventHandler, SubscriptionEventHandler

# What a test may take, in seconds: then something hangs.
TEST_TIME_MAX = 120


class Told:
    """What a client or a subscription told, each to be taken once."""

    def __init__(self):
        self._seen = []
        self._news = asyncio.Event()

    def take(self, event, context):
        self._seen.append((event, context))
        self._news.set()

    async def next(self, event, wants=lambda _context: True):
        """The first of these events that was not taken, once there is one."""
        while True:
            for at, (name, context) in enumerate(self._seen):
                if name == event and wants(context):
                    del self._seen[at]
                    return context
            self._news.clear()
            await self._news.wait()

    def rest(self, event):
        """All of these events that were told and not taken."""
        return [context for name, context in self._seen if name == event]


def _handler(base):
    """A handler that takes note of all events of its kind."""

    def listener(event):
        async def on(self, context):
            self.told.take(event, context)

        return on

    names = [name for name in vars(base) if name.startswith("on_")]
    return type("Handler", (base,), {name: listener(name[3:]) for name in names})


CLIENT = _handler(ClientEventHandler)
SUBSCRIPTION = _handler(SubscriptionEventHandler)


class Case(unittest.IsolatedAsyncioTestCase):
    """Tests in JSON unless they say otherwise; clients end with the test."""

    def client(self, port, **options):
        """One that is not connected yet."""
        events = CLIENT()
        events.told = Told()
        defaults = {"min_reconnect_delay": 0.02, "max_reconnect_delay": 0.2, "proxy": None}
        url = f"ws://127.0.0.1:{port}/connection/websocket"
        made = Client(url, events, **{**defaults, **options})
        made.told = events.told
        self.addAsyncCleanup(made.disconnect)
        return made

    async def connected(self, port, **options):
        made = self.client(port, **options)
        await made.connect()
        await made.ready()
        return made

    async def follow(self, client, channel, **options):
        """A subscription that has begun."""
        events = SUBSCRIPTION()
        events.told = Told()
        defaults = {"min_resubscribe_delay": 0.02, "max_resubscribe_delay": 0.2}
        made = client.new_subscription(channel, events, **{**defaults, **options})
        made.told = events.told
        await made.subscribe()
        return made


def check(name):
    """A test of this name; it is given what to call with each code that its client met."""

    def wrap(run):
        @functools.wraps(run)
        async def wrapped(self):
            codes = set()
            await asyncio.wait_for(run(self, codes.add), TEST_TIME_MAX)
            if "MET" in os.environ:
                line = {"client": "PyPI", "test": name, "codes": sorted(codes)}
                with open(os.environ["MET"], "a") as lines:
                    lines.write(json.dumps(line) + "\n")

        return wrapped

    return wrap
