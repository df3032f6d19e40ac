// Loads on arrwDB: over HTTP, and over one WebSocket by the protocol of Centrifuge.

import { Pool } from 'undici';
import WebSocket from 'ws';

/** Asks over connections that are kept, at most 64. */
export function client(port) {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 64 });
  return async (path, body, contentType = 'application/json') => {
    const answer = await pool.request({ path, method: 'POST', headers: { 'content-type': contentType }, body });
    if (answer.statusCode >= 300) throw new Error(await answer.body.text());
    return answer.body.json();
  };
}

/** One WebSocket: commands that are answered, and publications of channels. */
export async function socket(port) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/connection/websocket`, { perMessageDeflate: false });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const waiting = new Map();
  let last = 0;
  let told = () => {};
  socket.on('message', (frame) => {
    for (const line of frame.toString().split('\n')) {
      const message = JSON.parse(line);
      if (message.id) {
        const { resolve, reject } = waiting.get(message.id);
        waiting.delete(message.id);
        if (message.error) reject(new Error(message.error.message));
        else resolve(message);
      } else if (message.push?.pub) told(message.push.pub.data);
      else if (line === '{}') socket.send('{}');
    }
  });
  // Commands of one turn of the event loop share a frame, a line each, as the protocol has it.
  let gathered = [];
  const send = () => {
    socket.send(gathered.join('\n'));
    gathered = [];
  };
  const ask = (command) =>
    new Promise((resolve, reject) => {
      last += 1;
      waiting.set(last, { resolve, reject });
      if (gathered.push(JSON.stringify({ id: last, ...command })) === 1) process.nextTick(send);
    });
  await ask({ connect: {} });
  return {
    publish: (channel, data) => ask({ publish: { channel, data } }),
    follow: async (channel, each) => {
      told = each;
      await ask({ subscribe: { channel } });
    },
  };
}

/** Makes so many jobs, and has eight workers do them; each asks for the next with the end of the one before. */
export async function work(port, queue, count) {
  const post = client(port);
  const line = `${JSON.stringify({ queue, kind: 'nothing' })}\n`;
  await post('/v1/jobs', line.repeat(count), 'application/x-ndjson');
  const begin = performance.now();
  let done = 0;
  const loop = async (_, number) => {
    const claim = { worker: `w${number}`, queues: [queue], count: 1 };
    let [job] = (await post(`/v1/queues/${queue}/claim`, JSON.stringify({ ...claim, queues: [] }))).jobs;
    while (job) {
      const end = { token: job.token, claim };
      [job] = (await post(`/v1/jobs/${job.job}/complete`, JSON.stringify(end))).jobs;
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: 8 }, loop));
  if (done !== count) throw new Error(`${done} of ${count} jobs were done`);
  return { rate: (count * 1000) / (performance.now() - begin) };
}
