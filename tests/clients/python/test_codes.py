"""Which codes the client of Python meets, and what it does then."""

import asyncio
import json
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from centrifuge import StreamPosition

from check import Case, check
from proxy import Proxy
from server import Server
from tokens import KEY, now, token

COME_AGAIN = [3000, 3001, 3004, 3005, 3006, 3008, 3009, 3010, 3011, 3012, 3013, 3014, 4000, 4499]
ARE_GONE = [3500, 3501, 3502, 3503, 3504, 3505, 3506, 3507, 3508, 3509, 4500, 4999]
ERRORS = [100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 1000]


def expires(seconds):
    return now() + seconds


class BackEnd(BaseHTTPRequestHandler):
    """Answers a call with its data."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = json.dumps(body["data"]).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_words):
        pass


class Codes(Case):
    @classmethod
    def setUpClass(cls):
        cls.back_end = ThreadingHTTPServer(("127.0.0.1", 0), BackEnd)
        threading.Thread(target=cls.back_end.serve_forever, daemon=True).start()
        cls.patient = Server(KEY)
        # One that gives no time for a new token.
        cls.server = Server(f"""
[rpc.proxy]
endpoint = "http://127.0.0.1:{cls.back_end.server_address[1]}/rpc"

[client]
expiry_grace_ms = 0
user_subscribe_to_personal = true

{KEY}
[channel.without_namespace]
allow_subscribe_for_client = true
allow_publish_for_client = true
allow_history_for_client = true

[[channel.namespaces]]
name = "closed"

[[channel.namespaces]]
name = "told"
class = "volatile"
slow_policy = "drop_oldest"
allow_subscribe_for_client = true
""")

    @classmethod
    def tearDownClass(cls):
        cls.patient.stop()
        cls.server.stop()
        cls.back_end.shutdown()
        cls.back_end.server_close()

    def join(self, user, **options):
        return self.connected(self.server.port, **{"token": token(sub=user, exp=expires(600)), **options})

    def join_patient(self, user):
        return self.connected(self.patient.port, token=token(sub=user, exp=expires(600)))

    async def refused(self, call):
        with self.assertRaises(Exception) as refused:
            await call
        return refused.exception.code

    @check("each code of a disconnect makes clients come again or not")
    async def test_disconnects(self, met):
        async def get_token():
            return token(sub="d", exp=expires(600))

        one = await self.join("d", get_token=get_token)
        it = await self.follow(one, "d")
        await it.told.next("subscribed")
        for code in COME_AGAIN:
            await self.server.api("disconnect", {"user": "d", "disconnect": {"code": code, "reason": ""}})
            await one.told.next("connecting", lambda context, code=code: context.code == code)
            # After the last of these clients forget where they were: it is not to be gone on from there.
            self.assertEqual((await it.told.next("subscribed")).recovered, code != 3014)
            await self.server.api("publish", {"channel": "d", "data": code})
            self.assertEqual((await it.told.next("publication")).pub.data, code)
            met(code)
        for code in ARE_GONE:
            await self.server.api("disconnect", {"user": "d", "disconnect": {"code": code, "reason": ""}})
            self.assertEqual((await one.told.next("disconnected")).code, code)
            await one.connect()
            await it.told.next("subscribed")
            met(code)

    @check("each error of a back end reaches the client")
    async def test_errors(self, met):
        one = await self.join("e")
        for code in ERRORS:
            error = {"code": code, "message": f"error {code}"}
            self.assertEqual(await self.refused(one.rpc("answer", {"error": error})), code)
            met(code)

    @check("what cannot be is refused by an error of its own")
    async def test_refusals(self, met):
        one = await self.join("r")
        epoch = (await one.history("r", limit=0)).epoch
        for code, call in [
            (102, one.publish("nowhere:x", 1)),
            (107, one.publish("a b", 1)),
            (107, one.history("r", reverse=True, since=StreamPosition(0, epoch))),
            (108, one.presence("r")),
            (112, one.history("r", since=StreamPosition(0, "of another life"))),
        ]:
            self.assertEqual(await self.refused(call), code)
            met(code)

    @check("a subscription that cannot be is over")
    async def test_subscriptions(self, met):
        one = await self.join("s")
        for code, channel in [(102, "nowhere:x"), (103, "closed:x"), (103, "$x"), (105, "#s"), (107, "a b")]:
            it = await self.follow(one, channel)
            self.assertEqual((await it.told.next("unsubscribed")).code, code)
            met(code)

    @check("a connection has so many channels and no more")
    async def test_channels(self, met):
        one = await self.join("c")
        # One is its own.
        for n in range(127):
            await (await self.follow(one, f"c.{n}")).ready()
        it = await self.follow(one, "c.more")
        self.assertEqual((await it.told.next("unsubscribed")).code, 106)
        met(106)

    @check("without a good token nobody is let in")
    async def test_no_token(self, met):
        for options in ({"token": ""}, {"token": "no token"}):
            one = self.client(self.server.port, **options)
            await one.connect()
            self.assertEqual((await one.told.next("disconnected")).code, 3500)
        met(3500)

    @check("a client whose token has expired asks for a new one")
    async def test_expired(self, met):
        async def get_token():
            return token(sub="x", exp=expires(600))

        one = self.client(self.server.port, token=token(sub="x", exp=now() - 1), get_token=get_token)
        await one.connect()
        self.assertEqual((await one.told.next("error")).error.code, 109)
        await one.told.next("connected")
        met(109)

    @check("a connection goes on by new tokens")
    async def test_refresh(self, _met):
        asked = asyncio.Semaphore(0)

        async def get_token():
            asked.release()
            return token(sub="n", exp=expires(2))

        one = self.client(self.patient.port, get_token=get_token)
        await one.connect()
        for _ in range(3):
            await asked.acquire()
        self.assertEqual(len(one.told.rest("connecting")), 1)

    @check("a subscription goes on by new tokens")
    async def test_sub_refresh(self, _met):
        asked = asyncio.Semaphore(0)

        async def get_token(channel):
            asked.release()
            return token(sub="m", channel=channel, exp=expires(2))

        it = await self.follow(await self.join_patient("m"), "$m", get_token=get_token)
        for _ in range(3):
            await asked.acquire()
        self.assertEqual(len(it.told.rest("subscribing")), 1)

    @check("a subscription that is not refreshed is ended, and begins again")
    async def test_sub_expired(self, met):
        gate = asyncio.Event()
        gate.set()

        async def get_token(channel):
            await gate.wait()
            return token(sub="o", channel=channel, exp=expires(2))

        it = await self.follow(await self.join("o"), "$o", get_token=get_token)
        await it.told.next("subscribed")
        gate.clear()
        await it.told.next("subscribing", lambda context: context.code == 2501)
        met(2501)
        gate.set()
        await it.told.next("subscribed")

    @check("a subscription that is refreshed by a token that has expired is over")
    async def test_sub_too_late(self, met):
        times = iter([2, -1])

        async def get_token(channel):
            return token(sub="l", channel=channel, exp=expires(next(times)))

        it = await self.follow(await self.join_patient("l"), "$l", get_token=get_token)
        await it.told.next("subscribed")
        self.assertEqual((await it.told.next("unsubscribed")).code, 110)
        met(110)

    @check("each user has a channel of its own")
    async def test_personal(self, _met):
        one = await self.join("p")
        self.assertEqual((await one.told.next("subscribed")).channel, "#p")
        await self.server.api("publish", {"channel": "#p", "data": {"for": "p"}})
        self.assertEqual((await one.told.next("publication")).pub.data, {"for": "p"})

    @check("an unsubscribe of the back end is final")
    async def test_unsubscribe(self, met):
        it = await self.follow(await self.join("u"), "u")
        await it.ready()
        await self.server.api("unsubscribe", {"user": "u", "channel": "u"})
        self.assertEqual((await it.told.next("unsubscribed")).code, 2000)
        met(2000)

    @check("a slow client of a volatile channel is told that it missed something")
    async def test_slow(self, met):
        proxy = await Proxy.before(self.server.port)
        self.addCleanup(proxy.close)
        one = await self.connected(proxy.port, token=token(sub="w", exp=expires(600)))
        it = await self.follow(one, "told:w")
        await it.told.next("subscribed")
        proxy.stall()
        text = "x" * 16_000
        for n in range(0, 1_500, 100):
            publish = {"publish": {"channel": "told:w", "data": text}}
            await self.server.api("batch", {"commands": [publish] * 100})
        proxy.resume()
        await it.told.next("subscribing", lambda context: context.code == 2500)
        met(2500)
        await it.told.next("subscribed")

    @check("a server that stops tells its clients to come again")
    async def test_shutdown(self, met):
        stopped = Server()
        self.addCleanup(stopped.stop)
        one = await self.connected(stopped.port)
        it = await self.follow(one, "x")
        await it.told.next("subscribed")
        await it.publish(1)
        self.assertEqual(stopped.end(signal.SIGTERM), 0)
        await one.told.next("connecting", lambda context: context.code == 3001)
        met(3001)
        stopped.again()
        await stopped.api("publish", {"channel": "x", "data": 2})
        self.assertTrue((await it.told.next("subscribed")).recovered)
        self.assertEqual([(await it.told.next("publication")).pub.data for _ in range(2)], [1, 2])
