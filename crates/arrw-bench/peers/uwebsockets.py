"""uWebSockets, through the package `socketify`, as a peer of `arrwdb bench sockets`.

Speaks enough of the Centrifuge protocol for its generator: connect, subscribe, publish, calls.
Says where it listens, and serves until it is killed.
"""

import json
import socket

from socketify import App, AppListenOptions, OpCode

CONNECTED = ',"connect":{"client":"00000000-0000-0000-0000-000000000000","version":"peer","ping":25,"pong":true}}'


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


app = App()


def answer(ws, line):
    command = json.loads(line)
    number = command.get("id")
    if number is None:
        return
    head = '{"id":%d' % number
    if "publish" in command:
        channel = command["publish"]["channel"]
        data = json.dumps(command["publish"]["data"])
        push = '{"push":{"channel":"%s","pub":{"data":%s}}}' % (channel, data)
        app.publish(channel, push, OpCode.TEXT)
        ws.send(head + ',"publish":{}}', OpCode.TEXT)
    elif "rpc" in command:
        ws.send('%s,"rpc":{"data":%s}}' % (head, json.dumps(command["rpc"]["data"])), OpCode.TEXT)
    elif "subscribe" in command:
        ws.subscribe(command["subscribe"]["channel"])
        ws.send(head + ',"subscribe":{}}', OpCode.TEXT)
    elif "connect" in command:
        ws.send(head + CONNECTED, OpCode.TEXT)


def on_message(ws, message, opcode):
    for line in message.split("\n"):
        answer(ws, line)


app.ws(
    "/connection/websocket",
    {
        "compression": 0,
        "max_payload_length": 1024 * 1024,
        "max_backpressure": 64 * 1024 * 1024,
        "idle_timeout": 0,
        "message": on_message,
    },
)
port = free_port()
app.listen(
    AppListenOptions(port=port, host="127.0.0.1"),
    lambda config: print("the peer listens on http://127.0.0.1:%d" % config.port, flush=True),
)
app.run()
