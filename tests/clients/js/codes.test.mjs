// How clients learn that something is not done, and what they do then.
import assert from 'node:assert/strict';
import { after } from 'node:test';

import { check } from './check.mjs';
import { client, connected, follow, pack, refusal, unpack, watched } from './client.mjs';
import { Server } from './server.mjs';
import { KEY, now, token } from './token.mjs';

const server = await Server.start();
const keyed = await Server.start(`${KEY}
[channel.without_namespace]
allow_subscribe_for_client = true
`);
after(() => Promise.all([server.stop(), keyed.stop()]));

check('what cannot be is refused by an error of its own', async ({ encoding, own, met }) => {
  const one = await connected(encoding, server.port);
  const { epoch } = await one.history(own, { limit: 0 });
  const refused = [
    [102, one.publish('nowhere:x', pack(encoding, 1))],
    [104, one.rpc('nothing', pack(encoding, {}))],
    [107, one.publish('a b', pack(encoding, 1))],
    [107, one.history(own, { reverse: true, since: { offset: 0, epoch } })],
    [107, one.rpc('publish', pack(encoding, { channels: own }))],
    [108, one.presence(own)],
    [112, one.history(own, { since: { offset: 0, epoch: 'of another life' } })],
  ];
  for (const [code, call] of refused) {
    assert.equal((await refusal(call)).code, code);
    met(code);
  }
});

check('a subscription that cannot be is over', async ({ encoding, own, met }) => {
  const one = await connected(encoding, server.port);
  for (const [code, channel] of [[102, `nowhere:${own}`], [107, `a ${own}`]]) {
    const it = follow(one, channel);
    assert.equal((await it.told.next('unsubscribed')).code, code);
    met(code);
  }
});

check('a connection has so many channels and no more', async ({ encoding, own, met }) => {
  const one = await connected(encoding, server.port);
  const all = Array.from({ length: 128 }, (_, n) => follow(one, `${own}.${n}`));
  await Promise.all(all.map((it) => it.ready()));
  const it = follow(one, `${own}.more`);
  assert.equal((await it.told.next('unsubscribed')).code, 106);
  met(106);
});

check('an unsubscribe of the back end is final', async ({ encoding, own, met }) => {
  const one = await connected(encoding, server.port);
  const it = follow(one, own);
  await it.ready();
  await server.api('unsubscribe', { user: '', channel: own });
  assert.equal((await it.told.next('unsubscribed')).code, 2000);
  met(2000);
});

check('what is sent without asking ends the connection', async ({ encoding, met }) => {
  const one = await connected(encoding, server.port);
  await one.send(pack(encoding, 1));
  assert.equal((await one.told.next('disconnected')).code, 3508);
  met(3508);
});

check('a command that makes no sense ends the connection', async ({ encoding, met }) => {
  const one = await connected(encoding, server.port);
  follow(one, '');
  assert.equal((await one.told.next('disconnected')).code, 3501);
  met(3501);
});

check('bytes instead of text end the connection', async ({ encoding, met }) => {
  const { websocket, closed } = watched();
  // Whatever encoding the client speaks, the server takes it for one of JSON that sends bytes.
  class Bytes extends websocket {
    constructor(url) {
      super(url);
    }
    send(data) {
      super.send(Buffer.from(data));
    }
  }
  const one = client(encoding, server.port, { websocket: Bytes });
  one.connect();
  assert.equal((await one.told.next('disconnected')).code, 3506);
  assert.equal(await closed(), 3506);
  met(3506);
});

const COME_AGAIN = [3000, 3001, 3004, 3005, 3006, 3008, 3009, 3010, 3011, 3012, 3013, 3014, 4000, 4499];
const ARE_GONE = [3500, 3501, 3502, 3503, 3504, 3505, 3506, 3507, 3508, 3509, 4500, 4999];

check('each code of a disconnect makes clients come again or not', async ({ encoding, own, met }) => {
  const one = client(encoding, keyed.port, { token: token({ sub: own, exp: now() + 600 }) });
  const it = follow(one, own);
  one.connect();
  await it.told.next('subscribed');
  let count = 0;
  for (const code of COME_AGAIN) {
    await keyed.api('disconnect', { user: own, disconnect: { code, reason: '' } });
    await one.told.next('connecting', (context) => context.code === code);
    // After the last of these clients forget where they were: it is not to be gone on from there.
    assert.equal((await it.told.next('subscribed')).recovered, code !== 3014);
    await keyed.api('publish', { channel: own, data: (count += 1) });
    assert.deepEqual(unpack(encoding, (await it.told.next('publication')).data), count);
    met(code);
  }
  for (const code of ARE_GONE) {
    await keyed.api('disconnect', { user: own, disconnect: { code, reason: '' } });
    assert.equal((await one.told.next('disconnected')).code, code);
    assert.equal(one.state, 'disconnected');
    one.connect();
    assert.equal((await it.told.next('subscribed')).recovered, true);
    met(code);
  }
  await keyed.api('disconnect', { user: own });
  assert.equal((await one.told.next('disconnected')).code, 3503);
});

check('a message that is too long ends the connection', async ({ encoding, own }) => {
  const one = await connected(encoding, server.port);
  one.publish(own, pack(encoding, 'x'.repeat(70_000))).catch(() => {});
  assert.equal((await one.told.next('disconnected')).code, 3);
});

