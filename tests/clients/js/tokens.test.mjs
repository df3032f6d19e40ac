// Who may do what: tokens of connections and subscriptions, and how they end.
import assert from 'node:assert/strict';
import { after } from 'node:test';

import { check } from './check.mjs';
import { client, follow, pack, unpack, watched } from './client.mjs';
import { Server } from './server.mjs';
import { KEY, now, token, tokens } from './token.mjs';

const server = await Server.start(`
[client]
user_subscribe_to_personal = true

${KEY}
[channel.without_namespace]
allow_subscribe_for_client = true
allow_publish_for_subscriber = true
history_size = 0

[[channel.namespaces]]
name = "open"
allow_subscribe_for_client = true
allow_publish_for_client = true
allow_history_for_subscriber = true

[[channel.namespaces]]
name = "closed"
`);
after(() => server.stop());

/// A client of these options that connects.
function connecting(encoding, options) {
  const one = client(encoding, server.port, options);
  one.connect();
  return one;
}

const as = (user, more = {}) => ({ token: token({ sub: user, exp: now() + 600, ...more }) });

check('a token of the command line lets its user in', async ({ encoding, own }) => {
  const made = server.run('token', 'create', '--user', own, '--info', '{"name":"Ann"}');
  const one = connecting(encoding, { token: made });
  await one.told.next('connected');
  const it = follow(one, `open:${own}`);
  await it.ready();
  await it.publish(pack(encoding, 1));
  const { info } = await it.told.next('publication');
  assert.equal(info.user, own);
  assert.deepEqual(unpack(encoding, info.connInfo), { name: 'Ann' });
});

check('without a good token nobody is let in', async ({ encoding, own, met }) => {
  for (const options of [{}, { token: 'no token' }, { token: `${as(own).token}x` }]) {
    const one = connecting(encoding, options);
    assert.equal((await one.told.next('disconnected')).code, 3500);
  }
  met(3500);
});

check('a client whose token has expired asks for a new one', async ({ encoding, own, met }) => {
  const source = tokens(() => token({ sub: own, exp: now() + 600 }));
  const expired = token({ sub: own, exp: now() - 1 });
  const one = connecting(encoding, { token: expired, getToken: source.get });
  const { error } = await one.told.next('error');
  assert.equal(error.code, 109);
  met(109);
  await source.asked(1);
  await one.told.next('connected');
});

check('a connection goes on by new tokens', async ({ encoding, own }) => {
  const source = tokens(() => token({ sub: own, exp: now() + 2 }));
  const one = connecting(encoding, { getToken: source.get });
  await one.told.next('connected');
  await source.asked(3);
  const it = follow(one, `open:${own}`);
  await it.ready();
  assert.equal(one.told.rest('connecting').length, 1, 'it was connected all the time');
});

check('a connection that is refreshed too late is ended, and comes again', async ({ encoding, own, met }) => {
  const source = tokens((n) => token({ sub: own, exp: now() + (n === 2 ? -1 : 2) }));
  const one = connecting(encoding, { getToken: source.get });
  await one.told.next('connecting', ({ code }) => code === 3005);
  met(3005);
  await one.told.next('connected');
  await one.told.next('connected');
});

check('a token of another user does not renew a connection', async ({ encoding, own, met }) => {
  const source = tokens((n) => token({ sub: n === 1 ? own : 'other', exp: now() + 2 }));
  const one = connecting(encoding, { getToken: source.get });
  assert.equal((await one.told.next('disconnected')).code, 3500);
  met(3500);
});

check('a subscription needs what its channel asks for', async ({ encoding, own, met }) => {
  const one = connecting(encoding, as(own));
  for (const channel of [`closed:${own}`, `$${own}`, `$open:${own}`]) {
    const it = follow(one, channel);
    assert.equal((await it.told.next('unsubscribed')).code, 103);
  }
  met(103);
  await assert.rejects(one.publish(`closed:${own}`, pack(encoding, 1)), { code: 103 });
  const channel = `closed:${own}`;
  one.removeSubscription(one.getSubscription(channel));
  const getToken = async () => token({ sub: own, channel, exp: now() + 600, info: { as: 'guest' } });
  const it = follow(one, channel, { getToken });
  await it.ready();
});

check('a subscription whose token has expired asks for a new one', async ({ encoding, own, met }) => {
  const one = connecting(encoding, as(own));
  const channel = `$${own}`;
  const source = tokens((n) => token({ sub: own, channel, exp: now() + (n === 1 ? -1 : 600) }));
  const it = follow(one, channel, { getToken: source.get });
  const { error } = await it.told.next('error');
  assert.equal(error.code, 109);
  met(109);
  await it.told.next('subscribed');
});

check('a subscription goes on by new tokens', async ({ encoding, own }) => {
  const one = connecting(encoding, as(own));
  const channel = `$${own}`;
  const source = tokens(() => token({ sub: own, channel, exp: now() + 2 }));
  const it = follow(one, channel, { getToken: source.get });
  await it.told.next('subscribed');
  await source.asked(3);
  assert.equal(it.told.rest('subscribing').length, 1, 'it was subscribed all the time');
});

check('a subscription that is refreshed by a token that has expired is over', async ({ encoding, own, met }) => {
  const one = connecting(encoding, as(own));
  const channel = `$${own}`;
  const source = tokens((n) => token({ sub: own, channel, exp: now() + (n === 1 ? 2 : -1) }));
  const it = follow(one, channel, { getToken: source.get });
  await it.told.next('subscribed');
  assert.equal((await it.told.next('unsubscribed')).code, 110);
  met(110);
});

check('a token for another channel ends the connection', async ({ encoding, own, met }) => {
  const one = connecting(encoding, as(own));
  follow(one, `$${own}`, { token: token({ sub: own, channel: '$other', exp: now() + 600 }) });
  assert.equal((await one.told.next('disconnected')).code, 3500);
  met(3500);
});

check('each user has a channel of its own', async ({ encoding, own, met }) => {
  const one = connecting(encoding, as(own));
  const channel = `#${own}`;
  assert.equal((await one.told.next('subscribed')).channel, channel);
  await server.api('publish', { channel, data: { for: own } });
  const publication = await one.told.next('publication');
  assert.equal(publication.channel, channel);
  assert.deepEqual(unpack(encoding, publication.data), { for: own });
  // It is subscribed already, by the server.
  const it = follow(one, channel);
  assert.equal((await it.told.next('unsubscribed')).code, 105);
  met(105);
});

check('a token subscribes its client from the start', async ({ encoding, own }) => {
  const one = connecting(encoding, as(own, { channels: [`closed:${own}`] }));
  await one.told.next('subscribed', ({ channel }) => channel === `closed:${own}`);
  await server.api('publish', { channel: `closed:${own}`, data: 1 });
  assert.deepEqual(unpack(encoding, (await one.told.next('publication')).data), 1);
});

check('a back end subscribes a user, and ends it', async ({ encoding, own }) => {
  const one = connecting(encoding, as(own));
  await one.told.next('connected');
  const channel = `closed:${own}`;
  await server.api('subscribe', { user: own, channel });
  await one.told.next('subscribed', (it) => it.channel === channel);
  await server.api('publish', { channel, data: 1 });
  assert.equal((await one.told.next('publication')).channel, channel);
  await server.api('unsubscribe', { user: own, channel });
  assert.equal((await one.told.next('unsubscribed')).channel, channel);
});

check('what its token allows a client may do', async ({ encoding, own }) => {
  const caps = [{ channels: [`closed:${own}*`], match: 'wildcard', allow: ['sub', 'pub', 'hst'] }];
  const one = connecting(encoding, as(own, { caps }));
  const it = follow(one, `closed:${own}.1`);
  await it.ready();
  await it.publish(pack(encoding, 1));
  await it.told.next('publication');
  assert.equal((await it.history({ limit: 10 })).publications.length, 1);
  await assert.rejects(it.presence(), { code: 108 });
});

check('a token that is taken back ends its connection', async ({ encoding, own, met }) => {
  const one = connecting(encoding, as(own, { jti: own }));
  await one.told.next('connected');
  server.run('token', 'revoke', '--id', own);
  await one.told.next('connecting', ({ code }) => code === 3014);
  assert.equal((await one.told.next('disconnected')).code, 3500);
  met(3014);
  met(3500);
});

check('a token with a channel that cannot be does not let in', async ({ encoding, own, met }) => {
  const { websocket, closed } = watched();
  const options = { ...as(own, { channels: ['nowhere:x'] }), websocket };
  const one = connecting(encoding, options);
  // Before it was let in, a client does not tell its application the code, and tries again.
  assert.equal(await closed(), 3004);
  assert.equal((await one.told.next('error')).type, 'connect');
  assert.equal(await closed(), 3004);
  met(3004);
});
