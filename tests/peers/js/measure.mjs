// How a load is measured: the same for every system.

/** How long a load runs before it counts, in milliseconds. */
const WARM_MS = 300;

/** So many a second, and the 50th and 99th percentile of how long each took, in microseconds. */
export function figures(timesMs, elapsedMs) {
  const sorted = Float64Array.from(timesMs).sort();
  const at = (share) => Math.round(1000 * (sorted[Math.floor((sorted.length - 1) * share)] ?? 0));
  return { rate: (timesMs.length * 1000) / elapsedMs, p50_us: at(0.5), p99_us: at(0.99) };
}

/** Keeps so many calls under way for so many seconds. */
export async function keepUnderWay(inFlight, seconds, call) {
  const run = async (forMs) => {
    const times = [];
    const begin = performance.now();
    const loop = async () => {
      for (let now = performance.now(); now < begin + forMs; now = performance.now()) {
        await call();
        times.push(performance.now() - now);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, loop));
    return figures(times, performance.now() - begin);
  };
  await run(WARM_MS);
  return run(seconds * 1000);
}

/** Publishes a number each millisecond. `publish` sends one; whoever receives one calls what `follow` is given. */
export async function paced(subscribers, seconds, { follow, publish }) {
  const due = [];
  const times = [];
  let received = 0;
  for (let at = 0; at < subscribers; at += 1) {
    await follow((number) => {
      received += 1;
      if (number >= WARM_MS) times.push(performance.now() - due[number]);
    });
  }
  const count = WARM_MS + seconds * 1000;
  const begin = performance.now();
  for (let number = 0; number < count; number += 1) {
    while (performance.now() < begin + number) await new Promise(setImmediate);
    due.push(begin + number);
    publish(number);
  }
  const patience = performance.now() + 10_000;
  while (received < count * subscribers) {
    if (patience < performance.now()) throw new Error(`${received} of ${count * subscribers} arrived`);
    await new Promise(setImmediate);
  }
  return figures(times, performance.now() - begin - WARM_MS);
}
