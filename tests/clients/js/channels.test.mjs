// What a client does with channels where it may do everything.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after } from 'node:test';

import { check } from './check.mjs';
import { connected, follow, pack, unpack } from './client.mjs';
import { Server } from './server.mjs';

const server = await Server.start(`
[channel.without_namespace]
presence = true

[[channel.namespaces]]
name = "room"
presence = true
join_leave = true
force_push_join_leave = true

[[channel.namespaces]]
name = "live"
class = "volatile"
`);
after(() => server.stop());

const join = (encoding, options) => connected(encoding, server.port, options);

check('publications come to all in order, each once', async ({ encoding, own }) => {
  const [one, other] = [await join(encoding), await join(encoding)];
  const [here, there] = [follow(one, own), follow(other, own)];
  const ids = await Promise.all([one, other].map(async (it) => (await it.told.next('connected')).client));
  await Promise.all([here.ready(), there.ready()]);
  for (let n = 0; n < 100; n += 1) {
    await (n % 2 ? there : here).publish(pack(encoding, { n, text: 'ä \u{1F600}' }));
  }
  for (const it of [here, there]) {
    for (let n = 0; n < 100; n += 1) {
      const { data, offset, info } = await it.told.next('publication');
      assert.deepEqual(unpack(encoding, data), { n, text: 'ä \u{1F600}' });
      assert.equal(offset, n + 1);
      assert.equal(info.client, ids[n % 2]);
    }
  }
});

check('several channels of one connection are kept apart', async ({ encoding, own }) => {
  const one = await join(encoding);
  const all = Array.from({ length: 20 }, (_, n) => follow(one, `${own}.${n}`));
  await Promise.all(all.map((it) => it.ready()));
  await Promise.all(all.map((it, n) => one.publish(`${own}.${n}`, pack(encoding, { n }))));
  for (const [n, it] of all.entries()) {
    const { data } = await it.told.next('publication');
    assert.deepEqual(unpack(encoding, data), { n });
    assert.deepEqual(it.told.rest('publication'), []);
  }
  all[3].unsubscribe();
  await all[3].told.next('unsubscribed');
  await one.publish(`${own}.3`, pack(encoding, { n: 3 }));
  await one.publish(`${own}.4`, pack(encoding, { n: 4 }));
  await all[4].told.next('publication');
  assert.deepEqual(all[3].told.rest('publication'), []);
});

check('the history is read by limit, from a place and backwards', async ({ encoding, own }) => {
  const one = await join(encoding);
  for (let n = 1; n <= 10; n += 1) await one.publish(own, pack(encoding, n));
  const numbers = ({ publications }) => publications.map(({ data }) => unpack(encoding, data));
  const { offset, epoch, publications } = await one.history(own, { limit: 0 });
  assert.deepEqual([offset, publications], [10, []]);
  const all = await one.history(own, { limit: 100 });
  assert.deepEqual(numbers(all), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.deepEqual(all.publications.map((it) => it.offset), numbers(all));
  assert.deepEqual(numbers(await one.history(own, { limit: 3 })), [1, 2, 3]);
  assert.deepEqual(numbers(await one.history(own, { limit: 3, reverse: true })), [10, 9, 8]);
  const since = { offset: 4, epoch };
  assert.deepEqual(numbers(await one.history(own, { limit: 2, since })), [5, 6]);
  assert.deepEqual(numbers(await one.history(own, { limit: 2, since, reverse: true })), [3, 2]);
});

check('a subscription may begin in the past', async ({ encoding, own }) => {
  const one = await join(encoding);
  for (let n = 1; n <= 5; n += 1) await one.publish(own, pack(encoding, n));
  const { epoch } = await one.history(own, { limit: 0 });
  const it = follow(one, own, { since: { offset: 2, epoch } });
  const { wasRecovering, recovered } = await it.told.next('subscribed');
  assert.deepEqual([wasRecovering, recovered], [true, true]);
  for (const n of [3, 4, 5]) {
    assert.deepEqual(unpack(encoding, (await it.told.next('publication')).data), n);
  }
});

check('a call is answered with what it was given', async ({ encoding }) => {
  const one = await join(encoding);
  for (const given of [{ a: [1, null, 'b'] }, 'text', 0]) {
    const { data } = await one.rpc('echo', pack(encoding, given));
    assert.deepEqual(unpack(encoding, data), given);
  }
  const { data } = await one.rpc('enqueue', pack(encoding, { kind: 'mail', queue: 'mail', args: {} }));
  const { job } = unpack(encoding, data);
  const shown = unpack(encoding, (await one.rpc('job', pack(encoding, { job }))).data);
  assert.equal(shown.state, 'ready');
});

check('bytes of every value come as they were published', async ({ encoding, own }) => {
  const one = await join(encoding);
  const it = follow(one, own);
  await it.ready();
  const bytes = Buffer.concat([Buffer.from([...Array(256).keys()]), randomBytes(20_000)]);
  await server.api('publish', { channel: own, b64data: bytes.toString('base64') });
  const { data } = await it.told.next('publication');
  // In JSON there are no bytes: it is the text of their base64.
  if (encoding === 'json') return assert.equal(data, bytes.toString('base64'));
  assert.deepEqual(Buffer.from(data), bytes);
  await it.publish(new Uint8Array(bytes));
  assert.deepEqual(Buffer.from((await it.told.next('publication')).data), bytes);
  assert.deepEqual(Buffer.from((await one.rpc('echo', new Uint8Array(bytes))).data), bytes);
});

check('both encodings see the same', async ({ encoding, own }) => {
  const other = encoding === 'json' ? 'protobuf' : 'json';
  const [one, two] = [await join(encoding), await join(other)];
  const it = follow(two, own);
  await it.ready();
  await one.publish(own, pack(encoding, { from: encoding }));
  const { data } = await it.told.next('publication');
  assert.deepEqual(unpack(other, data), { from: encoding });
});

check('a filter of tags leaves out the rest', async ({ encoding, own }) => {
  const one = await join(encoding);
  const high = { op: 'and', nodes: [{ key: 'kind', cmp: 'eq', val: 'alarm' }, { key: 'level', cmp: 'gte', val: '5' }] };
  const it = follow(one, own, { tagsFilter: high });
  await it.ready();
  for (let level = 1; level <= 9; level += 1) {
    await server.post('/v1/events', { topic: own, data: level, headers: { kind: 'alarm', level: `${level}` } });
    await server.api('publish', { channel: own, data: -level, tags: { kind: 'note', level: `${level}` } });
  }
  for (const level of [5, 6, 7, 8, 9]) {
    const { data, tags } = await it.told.next('publication');
    assert.deepEqual(unpack(encoding, data), level);
    assert.deepEqual({ ...tags }, { kind: 'alarm', level: `${level}` });
  }
  assert.deepEqual(it.told.rest('publication'), []);
});

check('who is there is known, and who comes and goes', async ({ encoding, own }) => {
  const one = await join(encoding);
  const here = follow(one, `room:${own}`, { joinLeave: true });
  const me = (await here.told.next('join')).info.client;
  const other = await join(encoding);
  const there = follow(other, `room:${own}`);
  const you = (await here.told.next('join')).info.client;
  const { clients } = await here.presence();
  assert.deepEqual(Object.keys(clients).sort(), [me, you].sort());
  assert.deepEqual(await one.presenceStats(`room:${own}`), { numClients: 2, numUsers: 1 });
  there.unsubscribe();
  assert.equal((await here.told.next('leave')).info.client, you);
  assert.deepEqual(Object.keys((await here.presence()).clients), [me]);
});

check('a volatile channel has no past', async ({ encoding, own, met }) => {
  const one = await join(encoding);
  const it = follow(one, `live:${own}`);
  const { recoverable, positioned } = await it.told.next('subscribed');
  assert.deepEqual([recoverable, positioned], [false, false]);
  await it.publish(pack(encoding, 1));
  assert.deepEqual(unpack(encoding, (await it.told.next('publication')).data), 1);
  await assert.rejects(it.history({ limit: 1 }), { code: 108 });
  met(108);
});
