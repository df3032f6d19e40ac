// Clients as applications make them, in both encodings, and what they tell, in order.
import { EventEmitter } from 'node:events';

import { Centrifuge } from 'centrifuge';
import { Centrifuge as CentrifugeProtobuf } from 'centrifuge/build/protobuf';
import WebSocket from 'ws';

import { endWithTest } from './open.mjs';

export const ENCODINGS = ['json', 'protobuf'];

/// Data as a client of this encoding gives it, and back.
export const pack = (encoding, value) =>
  encoding === 'json' ? value : new TextEncoder().encode(JSON.stringify(value));
export const unpack = (encoding, data) =>
  encoding === 'json' ? data : JSON.parse(new TextDecoder().decode(data));

/// What an emitter told, each to be taken once.
export class Told {
  #seen = [];
  #waiting = [];

  constructor(emitter, events) {
    for (const event of events) {
      emitter.on(event, (context) => this.#take({ event, context }));
    }
  }

  #take(one) {
    const at = this.#waiting.findIndex((it) => it.wants(one));
    if (at < 0) this.#seen.push(one);
    else this.#waiting.splice(at, 1)[0].resolve(one.context);
  }

  /// The first of these events that was not taken, once there is one.
  next(event, wants = () => true) {
    const fits = (one) => one.event === event && wants(one.context);
    const at = this.#seen.findIndex(fits);
    if (0 <= at) return Promise.resolve(this.#seen.splice(at, 1)[0].context);
    return new Promise((resolve) => this.#waiting.push({ wants: fits, resolve }));
  }

  /// All of these events that were told and not taken.
  rest(event) {
    return this.#seen.filter((one) => one.event === event).map((one) => one.context);
  }
}

const CLIENT = ['connecting', 'connected', 'disconnected', 'error', 'subscribed', 'subscribing', 'unsubscribed', 'publication', 'join', 'leave'];
const SUBSCRIPTION = ['subscribing', 'subscribed', 'unsubscribed', 'publication', 'join', 'leave', 'error'];

/// A client of the server, or of what stands between at `port`, until the test ends. It is not connected yet.
export function client(encoding, port, options = {}) {
  const Class = encoding === 'json' ? Centrifuge : CentrifugeProtobuf;
  const made = new Class(`ws://127.0.0.1:${port}/connection/websocket`, {
    websocket: WebSocket,
    minReconnectDelay: 20,
    maxReconnectDelay: 200,
    ...options,
  });
  endWithTest(() => made.disconnect());
  return Object.assign(made, { told: new Told(made, CLIENT) });
}

/// One that is connected.
export async function connected(encoding, port, options) {
  const one = client(encoding, port, options);
  one.connect();
  await one.ready();
  return one;
}

/// A subscription that has begun.
export function follow(of, channel, options = {}) {
  const made = of.newSubscription(channel, { minResubscribeDelay: 20, maxResubscribeDelay: 200, ...options });
  Object.assign(made, { told: new Told(made, SUBSCRIPTION) });
  made.subscribe();
  return made;
}

/// The error that a call ends with.
export async function refusal(call) {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error('the call was not refused');
}

/// A class of sockets for `websocket` that tells by which code each of them was closed.
export function watched() {
  const closes = new EventEmitter();
  const told = new Told(closes, ['close']);
  class Watched extends WebSocket {
    constructor(...given) {
      super(...given);
      this.on('close', (code) => closes.emit('close', code));
    }
  }
  return { websocket: Watched, closed: () => told.next('close') };
}
