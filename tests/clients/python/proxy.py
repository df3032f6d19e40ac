"""What stands between a client and the server, and fails as networks do."""

import asyncio


class Proxy:
    def __init__(self, port):
        self._to = port
        self._writers = []
        self._goes_on = asyncio.Event()
        self._goes_on.set()

    @classmethod
    async def before(cls, port):
        proxy = cls(port)
        proxy._server = await asyncio.start_server(proxy._link, "127.0.0.1", 0)
        return proxy

    @property
    def port(self):
        return self._server.sockets[0].getsockname()[1]

    async def _link(self, client_reader, client):
        server_reader, server = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers += [client, server]
        up = asyncio.create_task(self._pass(client_reader, server, None))
        down = asyncio.create_task(self._pass(server_reader, client, self._goes_on))
        try:
            await asyncio.wait([up, down], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            # The test is over.
            pass
        up.cancel()
        down.cancel()
        for writer in (client, server):
            writer.close()

    @staticmethod
    async def _pass(reader, writer, gate):
        try:
            while True:
                if gate:
                    await gate.wait()
                some = await reader.read(65536)
                if not some:
                    return
                writer.write(some)
                await writer.drain()
        except ConnectionError:
            pass

    def cut(self):
        """Ends all connections in the middle of whatever they do."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def stall(self):
        """Takes nothing of the server until `resume`: buffers fill up to the server."""
        self._goes_on.clear()

    def resume(self):
        self._goes_on.set()

    def close(self):
        self.cut()
        self._server.close()
