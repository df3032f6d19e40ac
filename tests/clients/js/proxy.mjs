// What stands between a client and the server, and fails as networks do.
import { createServer, connect } from 'node:net';

import { endWithTest } from './open.mjs';

export class Proxy {
  #links = new Set();
  #server = null;
  #port;

  #isOpen = true;
  /// Whether bytes of clients are passed on, and those of the server taken.
  #up = true;
  #down = true;

  constructor(port) {
    this.#port = port;
  }

  /// One before the server at `port`, until the test ends.
  static async before(port) {
    const proxy = new Proxy(port);
    proxy.#server = createServer({ pauseOnConnect: true }, (client) => proxy.#link(client));
    await new Promise((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    endWithTest(() => proxy.#close());
    return proxy;
  }

  get port() {
    return this.#server.address().port;
  }

  #link(client) {
    if (!this.#isOpen) return client.resetAndDestroy();
    const server = connect(this.#port, '127.0.0.1');
    const link = { client, server };
    this.#links.add(link);
    const over = () => {
      client.destroy();
      server.destroy();
      this.#links.delete(link);
    };
    for (const socket of [client, server]) {
      socket.on('error', over);
      socket.on('close', over);
    }
    client.on('data', (bytes) => this.#up && server.write(bytes));
    server.on('data', (bytes) => client.write(bytes));
    this.#flow(link);
  }

  #flow({ client, server }) {
    client.resume();
    if (this.#down) server.resume();
    else server.pause();
  }

  /// Ends all connections in the middle of whatever they do.
  cut() {
    for (const { client, server } of this.#links) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  /// Ends all connections, and lets no client in until `open`.
  shut() {
    this.#isOpen = false;
    this.cut();
  }

  open() {
    this.#isOpen = true;
  }

  /// Swallows what clients send from now on.
  swallow() {
    this.#up = false;
  }

  /// Takes nothing of the server until `resume`: buffers fill up to the server.
  stall() {
    this.#down = false;
    this.#links.forEach((link) => this.#flow(link));
  }

  resume() {
    this.#up = true;
    this.#down = true;
    this.#links.forEach((link) => this.#flow(link));
  }

  async #close() {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
