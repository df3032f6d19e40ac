// The page of `arrwdb demo` in Chromium: it shows what happens, the server is killed by the key and by the button, and nothing is lost.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';

import { Chromium } from './chromium.mjs';

const { ARRWDB, CHROMIUM, SCREENSHOTS } = process.env;
assert(ARRWDB && CHROMIUM && SCREENSHOTS, 'run this by `cargo xtask test`');

const CLIENTS = 500;
const BYTES_MAX = 150 * 1024;

/// Starts the demonstration; answers the address of its page, and how to end it: that answers its last line.
async function start() {
  const words = ['demo', '--listen', '127.0.0.1:0', '--clients', String(CLIENTS)];
  const child = spawn(ARRWDB, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = [];
  const exited = new Promise((resolve) => child.on('exit', (code) => resolve(code)));
  const reading = createInterface({ input: child.stdout });
  const found = new Promise((resolve, reject) => {
    reading.on('line', (line) => {
      lines.push(line);
      const address = /open (http:\/\/[\d.:]+)/.exec(line);
      if (address) resolve(address[1]);
    });
    exited.then(() => reject(new Error(`it ended: ${lines.join('\n')}`)));
  });
  const end = async () => {
    child.kill('SIGINT');
    const code = await exited;
    return { code, said: lines[lines.length - 1] };
  };
  return { address: await found, end };
}

/// Notes how many bytes a page transfers, what it could not load, and what it complains of.
async function watch(page) {
  const seen = { bytes: 0, complaints: [] };
  page.on('Network.loadingFinished', ({ encodedDataLength }) => { seen.bytes += encodedDataLength; });
  page.on('Network.loadingFailed', ({ errorText }) => seen.complaints.push(errorText));
  page.on('Runtime.exceptionThrown', ({ exceptionDetails }) => seen.complaints.push(exceptionDetails.exception?.description));
  page.on('Log.entryAdded', ({ entry }) => seen.complaints.push(`${entry.level}: ${entry.text}`));
  for (const domain of ['Network', 'Runtime', 'Log']) await page.ask(`${domain}.enable`);
  return seen;
}

const proof = "document.getElementById('proof-text').innerText";
const text = (id) => `document.getElementById('${id}').textContent`;

/// What a person could not use: text that does not fit, and what is wider than the screen.
const unfit = `[
  ...[...document.querySelectorAll('button, .figures output, .figures small, h1, h2, th, td')].filter((it) => !it.matches('.unseen') && it.scrollWidth > it.clientWidth + 1)
    .map((it) => it.outerHTML),
  ...(document.documentElement.scrollWidth > innerWidth ? ['the page is too wide'] : []),
]`;

/// The page is alive: events, jobs and clients are there.
async function isAlive(page) {
  await page.until(`${text('connected')} === '${CLIENTS}'`, 'all clients are shown');
  await page.until(`0 < Number(${text('events').replaceAll("'", '"')}.replace(',', ''))`, 'events come');
  await page.until("document.querySelectorAll('#tail li').length === 10", 'the tail is full');
  await page.until("[...document.querySelectorAll('#queues tr')].every((it) => it.children[4].textContent !== '0')", 'each queue has done jobs');
  await page.until("document.querySelectorAll('#workers li').length === 8", 'workers are shown');
  await page.until(`/[1-9]\\d* events/.test(${text('mine')})`, 'the page itself gets events');
}

/// The kill with this number is over, every client is back, and nothing is missing.
async function isProven(page, kill) {
  await page.until(`document.querySelector('#proof.is-sound') && ${proof}.includes('${CLIENTS} of ${CLIENTS} clients resumed in')
    && document.getElementById('server-more').textContent.startsWith('life ${kill + 1},')`, `kill ${kill} is proven`);
  assert.match(await page.value(proof), /SIGKILL\s+back in .* deliveries\s+0 lost\s+0 repeated/s);
}

test('the demonstration is seen, killed by key and by button, and loses nothing', async (t) => {
  mkdirSync(SCREENSHOTS, { recursive: true });
  const demo = await start();
  const chromium = new Chromium(CHROMIUM);
  let ended = null;
  t.after(async () => {
    await chromium.close();
    if (!ended) await demo.end();
  });
  const picture = (page, name) => page.screenshot(join(SCREENSHOTS, `demo-${name}.png`));

  let seen = null;
  const page = await chromium.page(demo.address, 1280, 800, false, async (it) => { seen = await watch(it); });
  await isAlive(page);
  assert(seen.bytes <= BYTES_MAX, `${seen.bytes} bytes are transferred`);
  assert.deepEqual(seen.complaints, []);
  t.diagnostic(`${seen.bytes} bytes transferred`);
  await page.until("samples.length > 60", 'a quarter of the plots is full');
  await picture(page, 'light');

  // By the keyboard: all see that it is away, and all come back.
  await page.press('k');
  await page.until("document.querySelector('#proof.is-away') && document.body.className === 'is-down'", 'the server is away');
  await picture(page, 'killed');
  await isProven(page, 1);
  await page.until(`document.getElementById('mine').textContent.includes('45 subscriptions resumed, 0 lost, 0 repeated')`, 'the page resumes as well');
  // The plots stand still, and go on.
  await page.press('p');
  assert.equal(await page.value("document.getElementById('pause').getAttribute('aria-pressed')"), 'true');
  await page.press('p');
  await page.until(`samples.length > 100`, 'more is seen');

  // By the button, in the dark and on a small screen.
  const small = await chromium.page(demo.address, 390, 844, true);
  await isAlive(small);
  const press = "document.getElementById('kill')";
  await small.until(`${press}.getAttribute('aria-disabled') === 'false'`);
  await small.value(`${press}.click()`);
  await isProven(small, 2);
  await isProven(page, 2);
  await small.until("samples.length > 140", 'there is more to see');
  await picture(small, 'small-dark');
  await small.value("document.querySelector('.right').scrollIntoView()");
  await picture(small, 'small-dark-below');
  const dark = await chromium.page(demo.address, 1280, 800, true);
  await isAlive(dark);
  await picture(dark, 'dark');
  await picture(page, 'light-after');
  const narrow = await chromium.page(demo.address, 360, 740, false);
  await isAlive(narrow);
  await picture(narrow, 'narrow');
  for (const [name, it] of Object.entries({ page, small, dark, narrow })) {
    assert.deepEqual(await it.value(unfit), [], name);
  }

  // Whoever is not the page may not press the button.
  const foreign = await fetch(`${demo.address}/kill`, { method: 'POST', headers: { origin: 'http://evil.example' } });
  assert.equal(foreign.status, 403);
  ended = await demo.end();
  assert.match(ended.said, /2 kills; 1,000 of 1,000 clients .* 0 lost, 0 repeated/);
  assert.equal(ended.code, 0);
  await page.until("document.getElementById('server-state').textContent === 'The demonstration has ended'", 'the page says that it is over');
});
