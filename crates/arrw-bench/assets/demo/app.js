'use strict';
// The page: follows the figures and the events by way of the server, and asks the process that started it while the server is away.

const $ = (id) => document.getElementById(id);
const POLL_MS = 100;
const TAIL_MS = 250;
const TAIL_MAX = 10;
/// Events a second that a page is to follow, about: beyond it, it follows some of the topics.
const FOLLOWED_MAX = 1000;
const isCalm = matchMedia('(prefers-reduced-motion: reduce)');

/// Samples of a minute and some, the oldest first; the newest figures; when they came.
let samples = [];
let figures = null;
let cameAt = 0;
let plan = null;
let isPaused = false;
let frozenAt = 0;
let hair = null;
let isConnected = false;
let isOver = false;
/// What this page counts of its own subscriptions.
const mine = { events: 0, lost: 0, repeated: 0, resumed: 0, unresumed: 0 };
let newest = null;

const count = (value) => value.toLocaleString('en-US');
const seconds = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`);
const latency = (us) => (us < 10_000 ? `${(us / 1000).toFixed(1)}` : `${Math.round(us / 1000).toLocaleString('en-US')}`);
function lasting(ms) {
  const all = Math.floor(ms / 1000);
  const [hours, minutes, rest] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${rest} s` : `${rest} s`;
}
function put(id, text) {
  const it = $(id);
  if (it.textContent !== text) it.textContent = text;
}
function element(name, text, className) {
  const it = document.createElement(name);
  if (text !== undefined) it.textContent = text;
  if (className) it.className = className;
  return it;
}

/// The time of the demonstration now, in its own milliseconds.
const now = () => (figures ? figures.at_ms + performance.now() - cameAt : 0);

function take(told) {
  // Answers may overtake each other.
  if (figures && told.at_ms < figures.at_ms) return;
  const isNew = !figures || told.n !== figures.n;
  figures = told;
  cameAt = performance.now();
  if (isNew && told.n && (!samples.length || samples[samples.length - 1][0] < told.n)) {
    const pending = told.queues.reduce((sum, it) => sum + it.ready + it.running, 0);
    const { events, deliveries, jobs } = told.rates;
    samples.push([told.n, told.at_ms, events, deliveries, jobs, pending, told.clients.connected, told.p50_us, told.p99_us]);
    while (samples.length && samples[0][1] < told.at_ms - 70_000) samples.shift();
  }
  show();
}

function show() {
  const { server, rates, totals, clients, kills } = figures;
  document.body.className = isOver ? 'is-over' : server.is_up ? 'is-up' : 'is-down';
  $('kill').setAttribute('aria-disabled', String(isOver || !server.is_up));
  put('server-state', server.is_up ? 'Server up' : 'Server down');
  put('server-more', server.is_up ? `life ${server.life}, for ${lasting(server.for_ms)}` : `for ${seconds(server.for_ms)}`);
  put('events', count(rates.events));
  put('deliveries', count(rates.deliveries));
  put('jobs', count(rates.jobs));
  put('connected', count(clients.connected));
  put('connected-of', `of ${count(clients.all)} connected`);
  const p50 = $('p50');
  if (figures.p50_us) p50.replaceChildren(latency(figures.p50_us), element('small', ' ms p50'));
  else put('p50', '–');
  put('p99', figures.p99_us ? `p99 ${latency(figures.p99_us)} ms` : 'nothing came');
  put('lost', count(totals.lost));
  put('repeated', `${count(totals.repeated)} repeated of ${count(totals.deliveries)}`);
  $('loss').className = totals.lost || totals.repeated ? 'is-wrong' : 'is-sound';
  prove(kills[kills.length - 1], totals, clients);
  put('clients-note', `${count(totals.resumed)} resumed, ${count(totals.unresumed)} could not`);
  drawClients($('clients'), clients);
  showQueues();
  showWorkers();
}

/// What the last kill did, as parts of a sentence with dots between.
function prove(kill, totals, clients) {
  const box = $('proof');
  if (figures.fault) {
    box.className = 'proof is-wrong';
    put('proof-text', figures.fault);
    tell(figures.fault);
    return;
  }
  if (!kill) return;
  const isSound = totals.lost === 0 && totals.repeated === 0 && totals.unresumed === 0;
  const all = count(clients.all);
  const parts = ['Server killed with SIGKILL'];
  if (kill.back_ms === null) {
    box.className = 'proof is-away';
    parts.push(`down for ${seconds(figures.at_ms - kill.at_ms)}`, `${count(clients.connected)} of ${all} clients connected`);
    tell('The server was killed');
  } else if (kill.resumed_ms === null) {
    box.className = 'proof is-away';
    parts.push(`back in ${seconds(kill.back_ms)}`, `${count(kill.resumed)} of ${all} clients resumed`);
  } else {
    box.className = `proof ${isSound ? 'is-sound' : 'is-wrong'}`;
    parts.push(`back in ${seconds(kill.back_ms)}`, `${count(kill.resumed)} of ${all} clients resumed in ${seconds(kill.resumed_ms)}`);
    parts.push(`${count(totals.deliveries)} deliveries`, `${count(totals.lost)} lost`, `${count(totals.repeated)} repeated`);
    tell(`Kill ${kill.number}: ${parts.slice(1, 3).join(', ')}, ${totals.lost} lost, ${totals.repeated} repeated`, kill.number);
  }
  $('proof-text').replaceChildren(...parts.flatMap((part) => [element('b', part), ' ']));
}

/// Tells those who hear the page, once each.
let toldLast = '';
function tell(text, key = text) {
  if (toldLast === key) return;
  toldLast = key;
  $('told').textContent = text;
}

function showQueues() {
  const body = $('queues');
  if (body.children.length !== figures.queues.length) {
    body.replaceChildren(...figures.queues.map((queue) => {
      const row = element('tr');
      const name = element('td');
      name.append(element('b', queue.name), element('small', queue.filter));
      row.append(name, ...[1, 2, 3, 4, 5].map(() => element('td')));
      return row;
    }));
  }
  figures.queues.forEach((queue, at) => {
    const cells = body.children[at].children;
    [queue.ready, queue.running, queue.retrying, queue.done, queue.failed].forEach((value, cell) => {
      cells[cell + 1].textContent = count(value);
    });
  });
}

function showWorkers() {
  const list = $('workers');
  if (list.children.length !== figures.workers.length) {
    list.replaceChildren(...figures.workers.map((_, at) => {
      const row = element('li');
      row.append(element('span', String(at + 1), 'number'), element('span'), element('span', '', 'done'));
      return row;
    }));
  }
  figures.workers.forEach((worker, at) => {
    const [, what, done] = list.children[at].children;
    if (worker.queue) what.replaceChildren(element('small', worker.queue), ` ${worker.word}`);
    else what.textContent = 'waits';
    what.className = worker.queue ? '' : 'idle';
    done.textContent = count(worker.done);
  });
}

function showMine() {
  const { events, lost, repeated, resumed } = mine;
  const topics = plan.followed.length;
  const back = resumed ? `, ${count(resumed)} subscriptions resumed` : '';
  put('mine', `This page is one more client: ${topics} topics, ${count(events)} events${back}, ${count(lost)} lost, ${count(repeated)} repeated.`);
}

/// One line of the tail, four times a second: more nobody can read.
function showTail() {
  if (!newest || isPaused) return;
  const { topic, data } = newest;
  newest = null;
  const row = element('li');
  const text = element('p');
  text.append(element('b', data.word), ` – ${data.text}`);
  const at = Math.floor(data.at / 1000);
  const clock = `${Math.floor(at / 60_000)}:${String(Math.floor(at / 1000) % 60).padStart(2, '0')}.${Math.floor(at / 100) % 10}`;
  row.append(element('time', clock), element('span', topic), text);
  const tail = $('tail');
  tail.prepend(row);
  while (tail.children.length > TAIL_MAX) tail.lastChild.remove();
}

function draw() {
  if (figures && samples.length) {
    // A little behind, so that the newest sample is there before its place is.
    const at = isPaused ? frozenAt : now() - 400;
    const kills = figures.kills;
    put('plots-span', spanOf(at) < SPAN_MS ? 'Since the start' : 'The last minute');
    drawPlots($('plots'), { samples, kills, clients: figures.clients.all, now: at, hair: hair === null ? null : at - hair });
    const time = hair === null ? null : at - hair;
    const sample = time === null ? samples[samples.length - 1] : samples.reduce((best, it) => (Math.abs(it[1] - time) < Math.abs(best[1] - time) ? it : best));
    put('plots-note', time === null ? (isPaused ? 'paused' : '') : `${(hair / 1000).toFixed(1)} s ago`);
    for (const item of document.querySelectorAll('.legend li')) {
      const value = sample[{ events: 2, deliveries: 3, jobs: 4, pending: 5, connected: 6, p50: 7, p99: 8 }[item.dataset.series]];
      const text = item.dataset.series.startsWith('p5') || item.dataset.series.startsWith('p9') ? (value ? `${latency(value)} ms` : '–') : count(value);
      if (item.lastElementChild.textContent !== text) item.lastElementChild.textContent = text;
    }
  }
}
function frame() {
  draw();
  if (isCalm.matches) setTimeout(frame, 250);
  else requestAnimationFrame(frame);
}

/// Asks the process that started the server, as long as the server does not tell.
async function poll() {
  try {
    const isSilent = performance.now() - cameAt > 1000;
    if (!isConnected || isSilent || !figures || !figures.server.is_up) {
      const answer = await fetch('/state');
      isOver = false;
      take(await answer.json());
    }
  } catch {
    isOver = true;
    document.body.className = 'is-over';
    $('kill').setAttribute('aria-disabled', 'true');
    put('server-state', 'The demonstration has ended');
    put('server-more', '');
  }
  setTimeout(poll, isOver ? 2000 : POLL_MS);
}

async function kill() {
  if ($('kill').getAttribute('aria-disabled') === 'true') return;
  $('kill').setAttribute('aria-disabled', 'true');
  await fetch('/kill', { method: 'POST' }).catch(() => {});
}

function pause() {
  isPaused = !isPaused;
  frozenAt = now() - 400;
  $('pause').setAttribute('aria-pressed', String(isPaused));
  $('pause').firstChild.textContent = isPaused ? 'Go on ' : 'Pause ';
}

/// Follows one topic, and counts as the other clients do.
function follow(centrifuge, topic) {
  const subscription = centrifuge.newSubscription(topic, { recoverable: true, positioned: true });
  let last = null;
  subscription.on('subscribed', ({ recovered, wasRecovering, streamPosition }) => {
    if (wasRecovering) mine[recovered ? 'resumed' : 'unresumed'] += 1;
    if (last === null || !wasRecovering) last = streamPosition?.offset ?? null;
  });
  subscription.on('publication', ({ data, offset }) => {
    if (last !== null && offset <= last) {
      mine.repeated += 1;
      return;
    }
    if (last !== null) mine.lost += offset - last - 1;
    last = offset;
    mine.events += 1;
    if (data && data.word) newest = { topic, data };
  });
  subscription.subscribe();
}

async function start() {
  const { plan: given, past } = await (await fetch('/past')).json();
  plan = given;
  plan.followed = plan.topics.slice(0, Math.max(1, Math.floor((plan.topics.length * FOLLOWED_MAX) / Math.max(plan.rate, FOLLOWED_MAX))));
  samples = past;
  put('figures-channel', plan.figures);
  put('version', `arrwDB ${plan.version}`);
  put('tail-note', `four a second of ${count(plan.rate)}, of ${plan.followed.length} topics`);
  poll();
  requestAnimationFrame(frame);
  const centrifuge = new Centrifuge(`ws://127.0.0.1:${plan.server}/connection/websocket`, { minReconnectDelay: 50, maxReconnectDelay: 500 });
  centrifuge.on('connected', () => { isConnected = true; });
  centrifuge.on('connecting', () => { isConnected = false; });
  const told = centrifuge.newSubscription(plan.figures);
  told.on('publication', ({ data }) => take(data));
  told.subscribe();
  plan.followed.forEach((topic) => follow(centrifuge, topic));
  centrifuge.connect();
  setInterval(showTail, TAIL_MS);
  setInterval(showMine, TAIL_MS);
}

$('kill').addEventListener('click', kill);
$('pause').addEventListener('click', pause);
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key === 'k') kill();
  if (event.key === 'p') pause();
});
$('plots').addEventListener('pointermove', (event) => {
  const box = $('plots').getBoundingClientRect();
  const part = (box.right - RIGHT - event.clientX) / (box.width - RIGHT);
  hair = part < 0 || 1 < part ? null : part * spanOf(now());
});
$('plots').addEventListener('pointerleave', () => { hair = null; });
addEventListener('resize', () => figures && show());
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => figures && show());
start();
