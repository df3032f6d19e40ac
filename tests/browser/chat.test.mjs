// The chat of the examples in Chromium: two people, one server that is killed, and nothing lost.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';

import { Chromium } from './chromium.mjs';

const { ARRWDB, CHROMIUM, SCREENSHOTS, EXAMPLES } = process.env;
assert(ARRWDB && CHROMIUM && SCREENSHOTS && EXAMPLES, 'run this by `cargo xtask test`');

/// Starts a program, and answers it with the address that its first line says.
async function start(program, words, options) {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'], ...options });
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  const address = /http:\/\/([\d.:]+)/.exec(value ?? '');
  assert(address, `no address in: ${value}`);
  child.stdout.resume();
  const exited = new Promise((resolve) => child.on('exit', resolve));
  return { child, address: address[1], end: (signal) => (child.kill(signal), exited) };
}

test('two people talk, and a server that is killed loses nothing of it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'arrwdb-chat-'));
  mkdirSync(SCREENSHOTS, { recursive: true });
  cpSync(EXAMPLES, folder, { recursive: true });
  // Ports of its own, so that it runs beside anything.
  const back = await start(process.execPath, ['server.mjs'], { cwd: folder, env: { ...process.env, PORT: '0' } });
  const settings = readFileSync(join(folder, 'arrwdb.toml'), 'utf8');
  writeFileSync(join(folder, 'arrwdb.toml'), settings.replaceAll('127.0.0.1:8080', back.address));
  const serve = (listen) => start(ARRWDB, ['serve', '--listen', listen, '--log-level', 'warn'], { cwd: folder });
  let server = await serve('127.0.0.1:0');
  await back.end('SIGTERM');
  const env = { ...process.env, PORT: back.address.split(':')[1], ARRWDB_URL: `ws://${server.address}/connection/websocket` };
  const page = await start(process.execPath, ['server.mjs'], { cwd: folder, env });
  const chromium = new Chromium(CHROMIUM);
  t.after(async () => {
    await chromium.close();
    await page.end('SIGTERM');
    await server.end('SIGTERM');
    rmSync(folder, { recursive: true });
  });

  const said = (text) => `[...document.querySelectorAll('#log li')].filter((it) => it.innerText.includes('${text}')).length === 1`;
  const connected = "document.querySelector('#state.connected')";
  const open = async (user, ...size) => {
    const it = await chromium.page(`http://${page.address}/?user=${user}`, ...size);
    await it.until(connected, `${user} connects`);
    return it;
  };
  const say = async (it, text) => {
    await it.value("document.getElementById('text').focus()");
    await it.type(text);
    await it.press('Enter');
  };

  const ada = await open('Ada');
  const alan = await open('Alan', 390, 640, true);
  await ada.until("document.getElementById('members').innerText.includes('Alan')", 'Ada sees that Alan came');
  await say(ada, 'Good morning! The engine is ready.');
  await alan.until(said('The engine is ready'), 'Alan hears Ada');
  await alan.value("document.getElementById('text').focus()");
  await alan.type('Splendid');
  await ada.until("document.getElementById('typing').innerText === 'Alan is typing'", 'Ada sees that Alan types');
  await alan.press('Enter');
  await ada.until(said('Splendid'), 'Ada hears Alan');
  await ada.until("document.getElementById('typing').innerText === ''", 'he types no more');
  await ada.screenshot(join(SCREENSHOTS, 'chat.png'));
  await alan.screenshot(join(SCREENSHOTS, 'chat-small-dark.png'));

  // Killed in the middle; while it is away both see so, and nothing is said twice or lost when it is back.
  await server.end('SIGKILL');
  await ada.until("document.getElementById('state').innerText === 'connecting'", 'Ada sees that it is gone');
  server = await serve(server.address);
  const answer = await fetch(`http://${server.address}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ topic: 'chat:lobby', data: { text: 'said while you were away', at: 0 } }),
  });
  assert.equal(answer.status, 200, await answer.text());
  for (const [who, it] of [['Ada', ada], ['Alan', alan]]) {
    await it.until(connected, `${who} comes back`);
    await it.until(said('said while you were away'), `${who} gets what was missed`);
    await it.until(said('back, and nothing was missed'), `${who} was told so`);
    assert(await it.value(said('The engine is ready')) && (await it.value(said('Splendid'))), `${who} sees nothing twice`);
  }
  await say(alan, 'Here we are again.');
  await ada.until(said('Here we are again'), 'Ada hears Alan again');
  // Who comes now sees all that was said.
  const grace = await open('Grace');
  for (const text of ['The engine is ready', 'Splendid', 'said while you were away', 'Here we are again']) {
    await grace.until(said(text), `Grace sees: ${text}`);
  }
  await ada.screenshot(join(SCREENSHOTS, 'chat-after-kill.png'));
});
