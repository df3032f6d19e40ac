// The back end of the chat: it hands out the page, and tokens that say who somebody is. What is said goes past it.
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

// The one of `arrwdb.toml`.
const SECRET = process.env.ARRWDB_CLIENT_TOKEN_HMAC_SECRET_KEY ?? 'a secret that is for trying out alone';
const ARRWDB = process.env.ARRWDB_URL ?? 'ws://127.0.0.1:7650/connection/websocket';
const PORT = Number(process.env.PORT ?? 8080);

const here = (path) => readFileSync(new URL(path, import.meta.url));
const files = {
  '/': ['text/html; charset=utf-8', here('index.html').toString().replace('%ARRWDB%', ARRWDB)],
  '/chat.js': ['text/javascript', here('chat.js')],
  '/centrifuge.js': ['text/javascript', here('node_modules/centrifuge/dist/centrifuge.js')],
};

/// A token for a connection of this user, good for ten minutes; the client asks for the next one in time.
function token(user) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: user, exp: Math.floor(Date.now() / 1000) + 600, info: { name: user } };
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://localhost');
  const answer = (status, type, body) => response.writeHead(status, { 'content-type': type }).end(body);
  if (url.pathname === '/token') {
    // A real application looks at the session of whoever asks. Here everybody is who they say they are.
    const user = url.searchParams.get('user') ?? '';
    if (!/^[\p{L}\p{N} ._-]{1,24}$/u.test(user)) return answer(400, 'text/plain', 'a name has 1 to 24 letters');
    return answer(200, 'application/json', JSON.stringify({ token: token(user) }));
  }
  const file = files[url.pathname];
  return file ? answer(200, ...file) : answer(404, 'text/plain', 'there is nothing here');
});

server.listen(PORT, '127.0.0.1', () => console.log(`chat on http://127.0.0.1:${server.address().port}`));
