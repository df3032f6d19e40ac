// A server of its own for each file of tests: the program as users start it, on a free port, with settings from a file.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const PROGRAM = process.env.ARRWDB;
assert(PROGRAM, 'set ARRWDB to the path of the program, as `cargo xtask clients` does');

export class Server {
  #child = null;
  #exited = null;
  #folder = mkdtempSync(join(tmpdir(), 'arrwdb-clients-'));
  address = '127.0.0.1:0';

  /// Starts one with these settings, in TOML.
  static async start(settings = '') {
    const server = new Server();
    writeFileSync(join(server.#folder, 'arrwdb.toml'), settings);
    await server.again();
    return server;
  }

  /// Starts it on the same data, and the same port.
  async again() {
    const flags = ['serve', '--listen', this.address, '--log-level', 'warn'];
    const child = spawn(PROGRAM, flags, { cwd: this.#folder, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    process.on('exit', () => child.kill('SIGKILL'));
    this.#exited = new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { value } = await lines.next();
    const address = /http:\/\/([^,]+),/.exec(value ?? '');
    assert(address, `the server says no address: ${value}`);
    this.address = address[1];
    child.stdout.resume();
  }

  get port() {
    return Number(this.address.split(':')[1]);
  }

  /// Sends a signal, and waits for the end; answers the exit code, or the signal.
  async end(signal) {
    this.#child.kill(signal);
    return this.#exited;
  }

  async stop() {
    assert.equal(await this.end('SIGTERM'), 0, 'a server ends in order');
    rmSync(this.#folder, { recursive: true });
  }

  /// Runs a command of the program in the folder of the server, and answers what it prints.
  run(...words) {
    return execFileSync(PROGRAM, words, { cwd: this.#folder, encoding: 'utf8' }).trim();
  }

  /// A call of a back end; an error of it is thrown.
  async api(method, body) {
    const answer = await this.post(`/api/${method}`, body);
    assert(!answer.error, `${method}: ${JSON.stringify(answer)}`);
    return answer.result;
  }

  async post(path, body) {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`http://${this.address}${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    assert(answer.ok, `${path}: ${answer.status} ${answer.ok ? '' : await answer.text()}`);
    return answer.json();
  }
}
