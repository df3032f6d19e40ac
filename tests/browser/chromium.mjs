// Chromium without a window, asked over a pipe by its own protocol.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class Chromium {
  #child;
  #profile = mkdtempSync(join(tmpdir(), 'arrwdb-browser-'));
  #waiting = new Map();
  #hearing = new Map();
  #next = 1;

  constructor(program) {
    // A container has no sandbox of its own for it, and little shared memory.
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
    const own = ['--remote-debugging-pipe', `--user-data-dir=${this.#profile}`, 'about:blank'];
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'];
    this.#child = spawn(program, [...flags, ...own], { stdio });
    let rest = '';
    this.#child.stdio[4].on('data', (bytes) => {
      const parts = (rest + bytes).split('\0');
      rest = parts.pop();
      parts.forEach((part) => this.#hear(JSON.parse(part)));
    });
  }

  #hear({ id, error, result, method, params, sessionId }) {
    if (method) this.#hearing.get(`${sessionId} ${method}`)?.(params);
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    if (error) waiting.reject(new Error(error.message));
    else waiting.resolve(result);
  }

  ask(method, params = {}, sessionId = undefined) {
    const id = this.#next++;
    this.#child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /// Calls this with each event of a page.
  on(sessionId, method, hear) {
    this.#hearing.set(`${sessionId} ${method}`, hear);
  }

  /// A page of so many pixels. `before` is called before anything is loaded.
  async page(url, width = 1000, height = 640, dark = false, before = () => {}) {
    const { targetId } = await this.ask('Target.createTarget', { url: 'about:blank', width, height });
    const { sessionId } = await this.ask('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, sessionId);
    await page.ask('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 600 });
    const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }];
    await page.ask('Emulation.setEmulatedMedia', { features });
    await before(page);
    await page.ask('Page.navigate', { url });
    return page;
  }

  async close() {
    const gone = new Promise((resolve) => this.#child.on('exit', resolve));
    this.ask('Browser.close').catch(() => {});
    await gone;
    rmSync(this.#profile, { recursive: true });
  }
}

class Page {
  #browser;
  #session;

  constructor(browser, session) {
    this.#browser = browser;
    this.#session = session;
  }

  ask(method, params = {}) {
    return this.#browser.ask(method, params, this.#session);
  }

  on(method, hear) {
    this.#browser.on(this.#session, method, hear);
  }

  /// The value of an expression in the page.
  async value(expression) {
    const asked = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.ask('Runtime.evaluate', asked);
    assert(!exceptionDetails, exceptionDetails?.exception?.description ?? exceptionDetails?.text);
    return result.value;
  }

  /// Waits until an expression is true in the page, which looks with each frame that it draws.
  async until(expression, what = expression) {
    const looking = `new Promise((resolve) => {
      const until = performance.now() + 30000;
      const look = () => {
        let is = false;
        try { is = !!(${expression}); } catch {}
        if (is || until < performance.now()) resolve(is); else setTimeout(look, 20);
      };
      look();
    })`;
    const is = await this.value(looking);
    assert(is, `${what}\n${await this.value('document.body.innerText')}`);
  }

  /// Writes into what has the focus, as a keyboard does.
  async type(text) {
    await this.ask('Input.insertText', { text });
  }

  async press(key) {
    const letter = { key, code: `Key${key.toUpperCase()}`, windowsVirtualKeyCode: key.toUpperCase().charCodeAt(0), text: key };
    const it = key.length === 1 ? letter : { key, code: key, windowsVirtualKeyCode: 13, text: '\r' };
    await this.ask('Input.dispatchKeyEvent', { type: 'keyDown', ...it });
    await this.ask('Input.dispatchKeyEvent', { type: 'keyUp', ...it });
  }

  async screenshot(path) {
    const { data } = await this.ask('Page.captureScreenshot', { format: 'png' });
    writeFileSync(path, Buffer.from(data, 'base64'));
  }
}
