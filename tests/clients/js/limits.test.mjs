// What becomes of clients that go beyond a bound, with bounds that are soon reached.
import assert from 'node:assert/strict';
import { after } from 'node:test';

import { check } from './check.mjs';
import { client, follow, pack, watched } from './client.mjs';
import { Proxy } from './proxy.mjs';
import { Server } from './server.mjs';
import { KEY, now, token, tokens } from './token.mjs';

const server = await Server.start(`
[limits]
connect_ms = 1000
pong_ms = 1000
pending_commands = 4
commands_per_second = 5
connections_per_user = 2

[client]
ping_ms = 1000
expiry_grace_ms = 0

${KEY}
[channel.without_namespace]
allow_subscribe_for_client = true
allow_history_for_client = true
`);
after(() => server.stop());

function connecting(encoding, user, options = {}, port = server.port) {
  const one = client(encoding, port, { token: token({ sub: user, exp: now() + 600 }), ...options });
  one.connect();
  return one;
}

/// How calls ended that go out in one message: nothing, or the code of an error.
async function atOnce(one, count, call) {
  one.startBatching();
  const calls = Array.from({ length: count }, () => call().then(() => 0, ({ code }) => code));
  one.stopBatching();
  return Promise.all(calls);
}

check('who asks for too much at once is told to wait', async ({ encoding, own, met }) => {
  const one = connecting(encoding, own);
  await one.ready();
  const codes = await atOnce(one, 6, () => one.history(own, { limit: 1 }));
  assert.deepEqual(codes.toSorted((a, b) => a - b), [0, 0, 0, 0, 111, 111]);
  met(111);
});

check('who asks too often is told to wait, and then let go', async ({ encoding, own, met }) => {
  const one = connecting(encoding, own);
  await one.ready();
  const codes = await atOnce(one, 21, () => one.rpc('echo', pack(encoding, 1)));
  assert.deepEqual(codes.slice(0, 10), Array(10).fill(0));
  assert.deepEqual(codes.slice(10, 20), Array(10).fill(111));
  await one.told.next('connecting', ({ code }) => code === 3013);
  met(111);
  met(3013);
});

check('a user has so many connections and no more', async ({ encoding, own, met }) => {
  await connecting(encoding, own).ready();
  const second = connecting(encoding, own);
  await second.ready();
  assert.equal((await connecting(encoding, own).told.next('disconnected')).code, 3504);
  met(3504);
  second.disconnect();
  // The place is free once the server knows.
  for (;;) {
    const third = connecting(encoding, own);
    const connected = third.told.next('connected').then(() => true);
    if (await Promise.race([connected, third.told.next('disconnected').then(() => false)])) break;
  }
});

check('a client that never says who it is is let go', async ({ encoding, own, met }) => {
  const { websocket, closed } = watched();
  // Its first command never arrives.
  class Mute extends websocket {
    send() {}
  }
  const one = connecting(encoding, own, { websocket: Mute, timeout: 600_000 });
  assert.equal((await one.told.next('disconnected')).code, 3502);
  assert.equal(await closed(), 3502);
  met(3502);
});

check('a client that does not answer is let go', async ({ encoding, own, met }) => {
  const proxy = await Proxy.before(server.port);
  const one = connecting(encoding, own, {}, proxy.port);
  const it = follow(one, own);
  await it.told.next('subscribed');
  proxy.swallow();
  await one.told.next('connecting', ({ code }) => code === 3012);
  met(3012);
  proxy.resume();
  assert.equal((await it.told.next('subscribed')).recovered, true);
});

check('a connection that is not refreshed is ended, and comes again', async ({ encoding, own, met }) => {
  const source = tokens(() => token({ sub: own, exp: now() + 2 }));
  const one = connecting(encoding, own, { token: '', getToken: source.get });
  await one.told.next('connected');
  source.hold();
  await one.told.next('connecting', ({ code }) => code === 3005);
  met(3005);
  source.go();
  await one.told.next('connected');
});

check('a subscription that is not refreshed is ended, and begins again', async ({ encoding, own, met }) => {
  const channel = `$${own}`;
  const source = tokens(() => token({ sub: own, channel, exp: now() + 2 }));
  const it = follow(connecting(encoding, own), channel, { getToken: source.get });
  await it.told.next('subscribed');
  source.hold();
  await it.told.next('subscribing', ({ code }) => code === 2501);
  met(2501);
  source.go();
  await it.told.next('subscribed');
});
