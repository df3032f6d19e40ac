// The package `ws` as a peer of `arrwdb bench sockets`: enough of the protocol of Centrifuge for its generator.
// Says where it listens, and serves until it is killed.

import { WebSocketServer } from 'ws';

const channels = new Map();

function answer(socket, line) {
  const command = JSON.parse(line);
  if (command.id === undefined) return;
  const head = `{"id":${command.id}`;
  if (command.publish) {
    const { channel, data } = command.publish;
    // Made once, as a frame is that `ws` writes to each.
    const push = Buffer.from(`{"push":{"channel":"${channel}","pub":{"data":${JSON.stringify(data)}}}}`);
    for (const it of channels.get(channel) ?? []) it.send(push, { binary: false });
    socket.send(`${head},"publish":{}}`);
  } else if (command.rpc) {
    socket.send(`${head},"rpc":{"data":${JSON.stringify(command.rpc.data)}}}`);
  } else if (command.subscribe) {
    const { channel } = command.subscribe;
    if (!channels.has(channel)) channels.set(channel, new Set());
    channels.get(channel).add(socket);
    socket.on('close', () => channels.get(channel).delete(socket));
    socket.send(`${head},"subscribe":{}}`);
  } else if (command.connect) {
    const client = '00000000-0000-0000-0000-000000000000';
    socket.send(`${head},"connect":{"client":"${client}","version":"peer","ping":25,"pong":true}}`);
  }
}

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, backlog: 4096, perMessageDeflate: false });
server.on('listening', () => console.log(`the peer listens on http://127.0.0.1:${server.address().port}`));
server.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', (frame) => {
    for (const line of frame.toString().split('\n')) answer(socket, line);
  });
});
