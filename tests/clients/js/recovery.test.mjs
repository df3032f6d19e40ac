// What was missed comes, whatever ended the connection.
import assert from 'node:assert/strict';
import { after } from 'node:test';

import { check } from './check.mjs';
import { client, follow, pack, unpack } from './client.mjs';
import { Proxy } from './proxy.mjs';
import { Server } from './server.mjs';

const server = await Server.start(`
[[channel.namespaces]]
name = "short"
history_size = 10

[[channel.namespaces]]
name = "last"
force_recovery_mode = "cache"
`);
after(() => server.stop());

/// A client behind a proxy that follows a channel.
async function behind(encoding, channel) {
  const proxy = await Proxy.before(server.port);
  const one = client(encoding, proxy.port);
  const it = follow(one, channel);
  one.connect();
  await it.told.next('subscribed');
  return { it, proxy };
}

const publish = (channel, data) => server.api('publish', { channel, data });

/// Takes these numbers, and sees that they come in order.
async function takes(it, encoding, numbers) {
  for (const n of numbers) {
    const { data } = await it.told.next('publication');
    assert.deepEqual(unpack(encoding, data), n);
  }
}

const range = (from, to) => Array.from({ length: to - from }, (_, n) => from + n);

check('what was published while a connection was cut comes behind it', async ({ encoding, own }) => {
  const { it, proxy } = await behind(encoding, own);
  for (let round = 0; round < 5; round += 1) {
    const first = round * 40;
    for (const n of range(first, first + 20)) await publish(own, n);
    proxy.cut();
    await it.told.next('subscribing');
    for (const n of range(first + 20, first + 40)) await publish(own, n);
    const { wasRecovering, recovered } = await it.told.next('subscribed');
    assert.deepEqual([wasRecovering, recovered], [true, true]);
    await takes(it, encoding, range(first, first + 40));
  }
  assert.deepEqual(it.told.rest('publication'), []);
});

check('what a client publishes while connections are cut is there once if it was answered', async ({ encoding, own }) => {
  const { it, proxy } = await behind(encoding, own);
  const answered = [];
  for (let n = 0; n < 200; n += 1) {
    if (n % 50 === 25) proxy.cut();
    await it.ready();
    await it.publish(pack(encoding, n)).then(() => answered.push(n), () => {});
  }
  const seen = [];
  while (seen.at(-1) !== answered.at(-1)) {
    seen.push(unpack(encoding, (await it.told.next('publication')).data));
  }
  assert.deepEqual(seen.toSorted((a, b) => a - b), seen);
  assert.equal(new Set(seen).size, seen.length);
  assert.deepEqual(answered.filter((n) => !seen.includes(n)), []);
  assert(150 < answered.length, `${answered.length}`);
});

check('nothing is lost when the server is killed', async ({ encoding, own }) => {
  // A server of its own: others of this file must not be killed.
  const killed = await Server.start();
  const one = client(encoding, killed.port);
  const it = follow(one, own);
  one.connect();
  await it.told.next('subscribed');
  let count = 0;
  const acknowledged = [];
  const publishOne = async () => {
    const n = count++;
    await killed.api('publish', { channel: own, data: n }).then(() => acknowledged.push(n), () => {});
  };
  for (let kill = 0; kill < 3; kill += 1) {
    for (let n = 0; n < 100; n += 1) await publishOne();
    const flying = Array.from({ length: 20 }, publishOne);
    assert.equal(await killed.end('SIGKILL'), 'SIGKILL');
    await Promise.all(flying);
    await killed.again();
    for (let n = 0; n < 50; n += 1) await publishOne();
    const { wasRecovering, recovered } = await it.told.next('subscribed');
    assert.deepEqual([wasRecovering, recovered], [true, true]);
  }
  const seen = [];
  while (seen.at(-1) !== acknowledged.at(-1)) {
    seen.push(unpack(encoding, (await it.told.next('publication')).data));
  }
  assert.equal(new Set(seen).size, seen.length, 'none comes twice');
  assert.deepEqual(acknowledged.filter((n) => !seen.includes(n)), [], 'none is lost');
  const { publications } = await it.history({ limit: 1000 });
  assert.deepEqual(seen, publications.map(({ data }) => unpack(encoding, data)), 'the order is that of the log');
  await killed.stop();
});

check('a server that stops tells its clients to come again', async ({ encoding, own, met }) => {
  const stopped = await Server.start();
  const one = client(encoding, stopped.port);
  const it = follow(one, own);
  one.connect();
  await it.told.next('subscribed');
  await it.publish(pack(encoding, 1));
  assert.equal(await stopped.end('SIGTERM'), 0);
  await one.told.next('connecting', ({ code }) => code === 3001);
  met(3001);
  await stopped.again();
  await stopped.api('publish', { channel: own, data: 2 });
  assert.equal((await it.told.next('subscribed')).recovered, true);
  await takes(it, encoding, [1, 2]);
  await stopped.stop();
});

check('who missed more than is kept is told so', async ({ encoding, own }) => {
  const { it, proxy } = await behind(encoding, `short:${own}`);
  await publish(`short:${own}`, 0);
  await takes(it, encoding, [0]);
  proxy.shut();
  await it.told.next('subscribing');
  for (const n of range(1, 30)) await publish(`short:${own}`, n);
  proxy.open();
  const { wasRecovering, recovered } = await it.told.next('subscribed');
  assert.deepEqual([wasRecovering, recovered], [true, false]);
  await publish(`short:${own}`, 30);
  await takes(it, encoding, [30]);
});

check('where the last alone counts a recovery brings the last', async ({ encoding, own }) => {
  const { it, proxy } = await behind(encoding, `last:${own}`);
  await publish(`last:${own}`, 0);
  await takes(it, encoding, [0]);
  proxy.shut();
  await it.told.next('subscribing');
  for (const n of range(1, 30)) await publish(`last:${own}`, n);
  proxy.open();
  assert.equal((await it.told.next('subscribed')).recovered, true);
  await takes(it, encoding, [29]);
  assert.deepEqual(it.told.rest('publication'), []);
});
