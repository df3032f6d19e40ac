// A test that leaves behind what it showed: a line for each that held, with the codes that its client met.
import { appendFileSync } from 'node:fs';
import { test } from 'node:test';

import { ENCODINGS } from './client.mjs';
import { endAll } from './open.mjs';

const NAMES = { json: 'npm JSON', protobuf: 'npm Protobuf' };

/// Runs a test in both encodings. It is given the encoding, a name that no other test has, and `met` for the codes.
export function check(name, run) {
  for (const encoding of ENCODINGS) {
    test(`${name} (${encoding})`, async () => {
      const codes = new Set();
      const own = `${name}_${encoding}`.replaceAll(/[^a-z0-9]/g, '_');
      try {
        await run({ encoding, own, met: (code) => codes.add(code) });
      } finally {
        await endAll();
      }
      const line = { client: NAMES[encoding], test: name, codes: [...codes].sort((a, b) => a - b) };
      if (process.env.MET) appendFileSync(process.env.MET, `${JSON.stringify(line)}\n`);
    });
  }
}
