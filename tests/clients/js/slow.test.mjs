// What becomes of clients that take nothing for a while.
import assert from 'node:assert/strict';
import { after } from 'node:test';

import { check } from './check.mjs';
import { client, follow, unpack } from './client.mjs';
import { Proxy } from './proxy.mjs';
import { Server } from './server.mjs';
import { KEY, now, token } from './token.mjs';

const namespace = (name, more) => `
[[channel.namespaces]]
name = "${name}"
allow_subscribe_for_client = true
${more}
`;
const server = await Server.start(
  KEY +
    namespace('patient', '') +
    namespace('latest', 'slow_policy = "conflate"') +
    namespace('told', 'class = "volatile"\nslow_policy = "drop_oldest"') +
    namespace('strict', 'slow_policy = "disconnect"'),
);
after(() => server.stop());

/// More than what is in memory of a channel and in the buffers of sockets.
const COUNT = 1_500;
const TEXT = 'x'.repeat(16_000);

/// A client that takes nothing while much is published in a channel, and then takes all that comes.
async function stalled(encoding, { channel, claims = {}, subscribes = true }) {
  const proxy = await Proxy.before(server.port);
  const one = client(encoding, proxy.port, { token: token({ sub: channel, exp: now() + 600, ...claims }) });
  const it = subscribes ? follow(one, channel) : one;
  one.connect();
  await it.told.next('subscribed');
  proxy.stall();
  for (let n = 0; n < COUNT; n += 100) {
    const commands = Array.from({ length: 100 }, (_, k) => ({
      publish: { channel, data: { n: n + k, text: TEXT } },
    }));
    await server.api('batch', { commands });
  }
  proxy.resume();
  return { one, it };
}

const number = (encoding, { data }) => unpack(encoding, data).n;

check('a slow client misses nothing of a durable channel', async ({ encoding, own }) => {
  const { one, it } = await stalled(encoding, { channel: `patient:${own}` });
  for (let n = 0; n < COUNT; n += 1) {
    assert.equal(number(encoding, await it.told.next('publication')), n);
  }
  assert.deepEqual(it.told.rest('unsubscribed'), []);
  assert.equal(one.told.rest('connecting').length, 1);
});

check('a slow client of what only the latest counts of gets the latest', async ({ encoding, own }) => {
  const { it } = await stalled(encoding, { channel: `latest:${own}` });
  const seen = [];
  while (seen.at(-1) !== COUNT - 1) seen.push(number(encoding, await it.told.next('publication')));
  assert(seen.length < COUNT, `${seen.length}`);
  assert.deepEqual(seen, seen.toSorted((a, b) => a - b));
});

check('a slow client of a volatile channel is told that it missed something', async ({ encoding, own, met }) => {
  const { it } = await stalled(encoding, { channel: `told:${own}` });
  await it.told.next('subscribing', ({ code }) => code === 2500);
  met(2500);
  await it.told.next('subscribed');
});

check('a slow client that was subscribed by the server comes again', async ({ encoding, own, met }) => {
  const channel = `told:${own}`;
  const { one } = await stalled(encoding, { channel, claims: { channels: [channel] }, subscribes: false });
  await one.told.next('connecting', ({ code }) => code === 3010);
  met(3010);
  await one.told.next('subscribed');
});

check('a slow client is let go where none may be slow', async ({ encoding, own, met }) => {
  const { one, it } = await stalled(encoding, { channel: `strict:${own}` });
  await one.told.next('connecting', ({ code }) => code === 3008);
  met(3008);
  assert.equal((await it.told.next('subscribed')).recovered, true);
});
