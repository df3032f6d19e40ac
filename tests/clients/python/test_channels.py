"""What the client of Python does with channels, and what comes when it was away."""

import base64
import os
import signal

from centrifuge import Filter, StreamPosition

from check import Case, check
from proxy import Proxy
from server import Server

SETTINGS = """
[[channel.namespaces]]
name = "room"
presence = true
join_leave = true
force_push_join_leave = true

[[channel.namespaces]]
name = "live"
class = "volatile"
"""


class Channels(Case):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(SETTINGS)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def join(self, **options):
        return self.connected(self.server.port, **options)

    @check("publications come to all in order, each once")
    async def test_publications(self, _met):
        one, other = await self.join(), await self.join()
        here, there = await self.follow(one, "a"), await self.follow(other, "a")
        await here.ready()
        await there.ready()
        for n in range(100):
            await (there if n % 2 else here).publish({"n": n, "text": "ä \U0001f600"})
        for it in (here, there):
            for n in range(100):
                pub = (await it.told.next("publication")).pub
                self.assertEqual((pub.data, pub.offset), ({"n": n, "text": "ä \U0001f600"}, n + 1))

    @check("several channels of one connection are kept apart")
    async def test_several(self, _met):
        one = await self.join()
        all_of_them = [await self.follow(one, f"several.{n}") for n in range(20)]
        for n, it in enumerate(all_of_them):
            await it.publish({"n": n})
        for n, it in enumerate(all_of_them):
            self.assertEqual((await it.told.next("publication")).pub.data, {"n": n})
            self.assertEqual(it.told.rest("publication"), [])

    @check("the history is read by limit, from a place and backwards")
    async def test_history(self, _met):
        one = await self.join()
        for n in range(1, 11):
            await one.publish("h", n)

        def numbers(of):
            return [pub.data for pub in of.publications]

        whole = await one.history("h", limit=100)
        self.assertEqual((numbers(whole), whole.offset), (list(range(1, 11)), 10))
        self.assertEqual(numbers(await one.history("h", limit=3)), [1, 2, 3])
        self.assertEqual(numbers(await one.history("h", limit=3, reverse=True)), [10, 9, 8])
        since = StreamPosition(offset=4, epoch=whole.epoch)
        self.assertEqual(numbers(await one.history("h", limit=2, since=since)), [5, 6])

    @check("a call is answered with what it was given")
    async def test_calls(self, _met):
        one = await self.join()
        for given in ({"a": [1, None, "b"]}, "text", 0):
            self.assertEqual((await one.rpc("echo", given)).data, given)

    @check("bytes of every value come as they were published")
    async def test_bytes(self, _met):
        given = bytes(range(256)) + os.urandom(20_000)
        one = await self.join(use_protobuf=True)
        it = await self.follow(one, "b")
        await it.ready()
        await self.server.api("publish", {"channel": "b", "b64data": base64.b64encode(given).decode()})
        await it.publish(given)
        for _ in range(2):
            self.assertEqual((await it.told.next("publication")).pub.data, given)
        self.assertEqual((await one.rpc("echo", given)).data, given)

    @check("a filter of tags leaves out the rest")
    async def test_filter(self, _met):
        high = Filter.all(Filter.eq("kind", "alarm"), Filter.gte("level", "5"))
        it = await self.follow(await self.join(), "f", tags_filter=high)
        await it.ready()
        for level in range(1, 10):
            headers = {"kind": "alarm", "level": str(level)}
            await self.server.post("/v1/events", {"topic": "f", "data": level, "headers": headers})
            await self.server.api("publish", {"channel": "f", "data": -level, "tags": {"kind": "note"}})
        for level in range(5, 10):
            self.assertEqual((await it.told.next("publication")).pub.data, level)
        self.assertEqual(it.told.rest("publication"), [])

    @check("who is there is known, and who comes and goes")
    async def test_presence(self, _met):
        here = await self.follow(await self.join(), "room:p", join_leave=True)
        me = (await here.told.next("join")).info.client
        there = await self.follow(await self.join(), "room:p")
        you = (await here.told.next("join")).info.client
        self.assertEqual(set((await here.presence()).clients), {me, you})
        stats = await here.presence_stats()
        self.assertEqual((stats.num_clients, stats.num_users), (2, 1))
        await there.unsubscribe()
        self.assertEqual((await here.told.next("leave")).info.client, you)

    @check("a volatile channel has no past")
    async def test_volatile(self, met):
        it = await self.follow(await self.join(), "live:x")
        self.assertFalse((await it.told.next("subscribed")).recoverable)
        await it.publish(1)
        self.assertEqual((await it.told.next("publication")).pub.data, 1)
        with self.assertRaises(Exception) as refused:
            await it.history(limit=1)
        self.assertEqual(refused.exception.code, 108)
        met(108)

    @check("what was published while a connection was cut comes behind it")
    async def test_cut(self, _met):
        proxy = await Proxy.before(self.server.port)
        self.addCleanup(proxy.close)
        it = await self.follow(await self.connected(proxy.port), "cut")
        await it.told.next("subscribed")
        for first in range(0, 200, 40):
            for n in range(first, first + 20):
                await self.server.api("publish", {"channel": "cut", "data": n})
            proxy.cut()
            await it.told.next("subscribing", lambda context: context.code != 0)
            for n in range(first + 20, first + 40):
                await self.server.api("publish", {"channel": "cut", "data": n})
            subscribed = await it.told.next("subscribed")
            self.assertTrue(subscribed.was_recovering and subscribed.recovered)
            for n in range(first, first + 40):
                self.assertEqual((await it.told.next("publication")).pub.data, n)
        self.assertEqual(it.told.rest("publication"), [])

    @check("nothing is lost when the server is killed")
    async def test_kill(self, _met):
        # A server of its own: others of this class must not be killed.
        killed = Server()
        self.addCleanup(killed.stop)
        it = await self.follow(await self.connected(killed.port), "k")
        await it.told.next("subscribed")
        count = 0
        for kill in range(3):
            for _ in range(100):
                await killed.api("publish", {"channel": "k", "data": count})
                count += 1
            self.assertEqual(killed.end(signal.SIGKILL), -signal.SIGKILL)
            killed.again()
            for _ in range(50):
                await killed.api("publish", {"channel": "k", "data": count})
                count += 1
            subscribed = await it.told.next("subscribed")
            self.assertTrue(subscribed.was_recovering and subscribed.recovered)
        for n in range(count):
            self.assertEqual((await it.told.next("publication")).pub.data, n)
        self.assertEqual(it.told.rest("publication"), [])
