// One load on one system: `node load.mjs SYSTEM PORT LOAD SECONDS` prints its figures as a line of JSON.

import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { connect, StringCodec } from 'nats';

import * as arrwdb from './arrwdb.mjs';
import { keepUnderWay, paced } from './measure.mjs';

const [system, port, load, seconds] = [process.argv[2], Number(process.argv[3]), process.argv[4], Number(process.argv[5])];

/** What is published: 128 characters. */
const DATA = 'x'.repeat(128);
const SUBSCRIBERS = 5;
/** Jobs that are made for each second that they may take. */
const JOBS_A_SECOND = 4000;
/** No two runs share a queue or a stream. */
const NAME = `run${process.pid}`;

/** How many are under way at once, by the end of a load's name. */
const inFlight = { one: 1, many: 64 }[load.split('.')[1]];
const publish = (call) => keepUnderWay(inFlight, seconds, call);

/** From one WebSocket to others. */
async function followed(channel) {
  const publisher = await arrwdb.socket(port);
  return paced(SUBSCRIBERS, seconds, {
    follow: async (each) => (await arrwdb.socket(port)).follow(channel, each),
    publish: (number) => publisher.publish(channel, number),
  });
}

const redis = () => new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: null });

const loads = {
  'http publish': () => {
    const post = arrwdb.client(port);
    const body = JSON.stringify({ topic: NAME, data: DATA });
    return publish(() => post('/v1/events', body));
  },
  'websocket publish': async () => {
    const socket = await arrwdb.socket(port);
    return publish(() => socket.publish(NAME, DATA));
  },
  // By the namespaces of the settings that `cargo xtask peers` gives the server.
  'websocket latency': () => followed(`vol:${NAME}`),
  'websocket-now latency': () => followed(`now:${NAME}`),
  'http enqueue': () => {
    const post = arrwdb.client(port);
    const body = JSON.stringify({ queue: NAME, kind: 'nothing' });
    return publish(() => post('/v1/jobs', body));
  },
  'http work': () => arrwdb.work(port, NAME, JOBS_A_SECOND * seconds),

  'redis publish': () => {
    const client = redis();
    return publish(() => client.xadd(NAME, '*', 'data', DATA));
  },
  'redis latency': async () => {
    const publisher = redis();
    return paced(SUBSCRIBERS, seconds, {
      follow: async (each) => {
        const client = redis();
        client.on('message', (_, text) => each(Number(text)));
        await client.subscribe(NAME);
      },
      publish: (number) => publisher.publish(NAME, String(number)),
    });
  },
  'bullmq enqueue': () => {
    const queue = new Queue(NAME, { connection: redis() });
    return publish(() => queue.add('nothing', null));
  },
  'bullmq work': async () => {
    const count = JOBS_A_SECOND * seconds;
    const queue = new Queue(NAME, { connection: redis() });
    const job = { name: 'nothing', data: null };
    for (let made = 0; made < count; made += 1000) await queue.addBulk(Array(1000).fill(job));
    const begin = performance.now();
    let done = 0;
    const worker = new Worker(NAME, async () => {}, { connection: redis(), concurrency: 8 });
    await new Promise((resolve) => worker.on('completed', () => (done += 1) === count && resolve()));
    return { rate: (count * 1000) / (performance.now() - begin) };
  },

  'nats publish': async () => {
    const client = await connect({ port });
    const jetstream = client.jetstream();
    const manager = await client.jetstreamManager();
    await manager.streams.add({ name: NAME, subjects: [NAME], storage: 'file' });
    const data = StringCodec().encode(DATA);
    return publish(() => jetstream.publish(NAME, data));
  },
  'nats latency': async () => {
    const codec = StringCodec();
    const publisher = await connect({ port });
    return paced(SUBSCRIBERS, seconds, {
      follow: async (each) => {
        const client = await connect({ port });
        client.subscribe(NAME, { callback: (_, message) => each(Number(codec.decode(message.data))) });
        await client.flush();
      },
      publish: (number) => publisher.publish(NAME, codec.encode(String(number))),
    });
  },
};

const run = loads[`${system} ${load.split('.')[0]}`];
if (!run) throw new Error(`no load \`${load}\` of ${system}`);
console.log(JSON.stringify(await run()));
process.exit(0);
