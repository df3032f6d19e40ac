// Tokens as an application signs them.
import { createHmac } from 'node:crypto';

export const SECRET = 'a secret of these tests and of nothing else';

/// Lets tokens of these tests in.
export const KEY = `[client.token]\nhmac_secret_key = "${SECRET}"\n`;

const base64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

export const now = () => Math.floor(Date.now() / 1000);

export function token(claims) {
  const signed = `${base64({ alg: 'HS256', typ: 'JWT' })}.${base64(claims)}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

/// Makes a token whenever it is asked for one, by how often it was. `asked` waits for so many; between `hold` and `go` none is given.
export function tokens(make) {
  let count = 0;
  let waiting = [];
  let gate = Promise.resolve();
  let open = () => {};
  return {
    get: async () => {
      count += 1;
      const given = count;
      waiting = waiting.filter(({ at, resolve }) => (at <= count ? resolve() : true));
      await gate;
      return make(given);
    },
    asked: (at) => new Promise((resolve) => (at <= count ? resolve() : waiting.push({ at, resolve }))),
    hold: () => {
      gate = new Promise((resolve) => (open = resolve));
    },
    go: () => open(),
  };
}
