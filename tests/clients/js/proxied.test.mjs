// A back end that says who connects, and answers calls.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after } from 'node:test';

import { check } from './check.mjs';
import { client, connected, pack, refusal, unpack } from './client.mjs';
import { Server } from './server.mjs';

/// Answers as the client asks for it: a call by its data, a connect by the name of the client's library.
const answers = {
  '/connect': ({ name }) => (name.startsWith('{') ? JSON.parse(name) : { result: { user: name } }),
  '/rpc': ({ user, method, data, b64data }) => {
    const given = data ?? JSON.parse(Buffer.from(b64data, 'base64').toString());
    if (method === 'answer') return given;
    return { result: { b64data: Buffer.from(JSON.stringify({ user, method, given })).toString('base64') } };
  },
};
const backEnd = createServer(async (request, response) => {
  const body = [];
  for await (const part of request) body.push(part);
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(answers[request.url](JSON.parse(Buffer.concat(body)))));
});
await new Promise((resolve) => backEnd.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${backEnd.address().port}`;

const settings = (connect, rpc) => `
[client.proxy.connect]
endpoint = "${connect}/connect"

[rpc.proxy]
endpoint = "${rpc}/rpc"
`;
const server = await Server.start(settings(url, url));
// Nobody listens on the port 9 of this machine.
const alone = await Server.start(settings(url, 'http://127.0.0.1:9'));
after(async () => {
  await Promise.all([server.stop(), alone.stop()]);
  backEnd.closeAllConnections();
  backEnd.close();
});

check('a back end says who connects, and answers calls', async ({ encoding, own }) => {
  const one = await connected(encoding, server.port, { name: own });
  const { data } = await one.rpc('anything', pack(encoding, { a: 1 }));
  assert.deepEqual(unpack(encoding, data), { user: own, method: 'anything', given: { a: 1 } });
});

const ERRORS = [100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 1000];

check('each error of a back end reaches the client', async ({ encoding, own, met }) => {
  const one = await connected(encoding, server.port, { name: own });
  for (const code of ERRORS) {
    const error = { code, message: `error ${code}`, temporary: code === 100 };
    const told = await refusal(one.rpc('answer', pack(encoding, { error })));
    assert.deepEqual([told.code, told.message], [code, `error ${code}`]);
    met(code);
  }
});

check('a back end ends a connection', async ({ encoding, own }) => {
  const one = await connected(encoding, server.port, { name: own });
  const disconnect = { code: 4501, reason: 'enough' };
  await refusal(one.rpc('answer', pack(encoding, { disconnect })));
  assert.deepEqual(await one.told.next('disconnected'), disconnect);
});

check('a back end lets nobody in', async ({ encoding }) => {
  const refused = client(encoding, server.port, { name: JSON.stringify({ error: { code: 1000, message: 'no' } }) });
  refused.connect();
  assert.equal((await refused.told.next('disconnected')).code, 1000);
  const ended = client(encoding, server.port, { name: JSON.stringify({ disconnect: { code: 4502, reason: 'no' } }) });
  ended.connect();
  assert.equal((await ended.told.next('disconnected')).code, 4502);
});

check('a back end that does not answer is a passing fault', async ({ encoding, own, met }) => {
  const one = await connected(encoding, alone.port, { name: own });
  const { code, temporary } = await refusal(one.rpc('anything', pack(encoding, 1)));
  assert.deepEqual([code, temporary], [100, true]);
  met(100);
});
