'use strict';
// Draws the last minute: four plots on one time axis, with the kills across all of them; and a square for each client.

const SPAN_MS = 60_000;
const SPAN_MS_MIN = 10_000;
const PLOT_HEIGHT = 84;
const LEGEND_HEIGHT = 18;
const AXIS_HEIGHT = 16;
const LEFT = 0;
const RIGHT = 46;

/// The places of a sample's values.
const N = 0, AT = 1, EVENTS = 2, DELIVERIES = 3, JOBS = 4, PENDING = 5, CONNECTED = 6, P50 = 7, P99 = 8;

const PLOTS = [
  { scale: 'linear', series: [{ at: DELIVERIES, name: 'deliveries', fill: true }, { at: EVENTS, name: 'events' }] },
  { scale: 'linear', series: [{ at: JOBS, name: 'jobs', fill: true }, { at: PENDING, name: 'pending' }] },
  { scale: 'clients', series: [{ at: CONNECTED, name: 'connected', fill: true }] },
  { scale: 'log', series: [{ at: P99, name: 'p99' }, { at: P50, name: 'p50' }] },
];

/// A canvas as sharp as the screen; answers its context in CSS pixels, and its size.
function sharp(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/// The colours of now, by their names in the style sheet.
function colours() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}

/// How much time is shown when so much is over: all of it, until it is a minute.
const spanOf = (now) => Math.min(SPAN_MS, Math.max(SPAN_MS_MIN, now));

/// A round number that is not below this one.
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((it) => value <= it);
}

function short(value) {
  if (value >= 10_000) return `${value / 1000}k`;
  return value.toLocaleString('en-US');
}

/// What a scale does with a value: 0 is the bottom, 1 the top.
function scaleOf(plot, samples, clients) {
  if (plot.scale === 'clients') {
    return { place: (value) => value / Math.max(1, clients), ticks: [[clients / 2, short(clients / 2)], [clients, short(clients)]] };
  }
  if (plot.scale === 'log') {
    const most = Math.max(10_000, ...samples.map((it) => it[P99]));
    const top = Math.ceil(Math.log10(most));
    const place = (value) => Math.max(0, (Math.log10(Math.max(value, 100)) - 2) / (top - 2));
    const ticks = [];
    for (let power = 3; power <= top; power += 1) ticks.push([10 ** power, power < 6 ? `${10 ** (power - 3)} ms` : `${10 ** (power - 6)} s`]);
    return { place, ticks };
  }
  const most = Math.max(1, ...plot.series.flatMap(({ at }) => samples.map((it) => it[at])));
  // Grows at once and shrinks slowly, so that it does not jump.
  plot.most = Math.max(most, (plot.most ?? 0) * 0.995);
  const top = roundUp(plot.most * 1.04);
  return { place: (value) => value / top, ticks: [[top / 2, short(top / 2)], [top, short(top)]] };
}

/// Draws the plots. `now` is the time at the right edge; `hair` the time that is pointed at, or null.
function drawPlots(canvas, { samples, kills, clients, now, hair }) {
  const { context: c, width } = sharp(canvas);
  const colour = colours();
  const right = width - RIGHT;
  const span = spanOf(now);
  const x = (at) => right - ((now - at) / span) * (right - LEFT);
  const seen = samples.filter((it) => now - SPAN_MS - 1000 <= it[AT]);
  c.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const bottom = PLOTS.length * PLOT_HEIGHT;
  const taken = drawKills(c, { kills, x, right, bottom, colour, now });
  PLOTS.forEach((plot, at) => {
    const base = (at + 1) * PLOT_HEIGHT - 4;
    const room = PLOT_HEIGHT - LEGEND_HEIGHT - 8;
    const { place, ticks } = scaleOf(plot, seen, clients);
    const y = (value) => base - Math.min(1, place(value)) * room;
    c.strokeStyle = colour('line');
    c.fillStyle = colour('muted');
    c.lineWidth = 1;
    c.textAlign = 'left';
    c.textBaseline = 'middle';
    for (const [value, text] of ticks) {
      const at = Math.round(y(value)) + 0.5;
      c.globalAlpha = 0.6;
      line(c, [[LEFT, at], [right, at]]);
      c.globalAlpha = 1;
      c.fillText(text, right + 6, at);
    }
    line(c, [[LEFT, base + 0.5], [right, base + 0.5]]);
    c.save();
    c.beginPath();
    c.rect(LEFT, 0, right - LEFT, bottom);
    c.clip();
    for (const series of plot.series) drawSeries(c, { seen, series, x, y, base, colour: colour(series.name) });
    c.restore();
  });
  drawAxis(c, { right, bottom, colour, now, x, span, taken });
  if (hair !== null) {
    c.strokeStyle = colour('muted');
    c.lineWidth = 1;
    line(c, [[Math.round(x(hair)) + 0.5, 0], [Math.round(x(hair)) + 0.5, bottom]]);
  }
}

function drawSeries(c, { seen, series, x, y, base, colour }) {
  // What has no value, a latency of nothing, is a gap.
  const isGap = (value) => (series.at === P50 || series.at === P99) && value === 0;
  let run = [];
  const draw = () => {
    if (run.length === 0) return;
    if (series.fill) {
      c.beginPath();
      c.moveTo(run[0][0], base);
      run.forEach(([px, py]) => c.lineTo(px, py));
      c.lineTo(run[run.length - 1][0], base);
      c.closePath();
      c.globalAlpha = 0.14;
      c.fillStyle = colour;
      c.fill();
      c.globalAlpha = 1;
    }
    c.strokeStyle = colour;
    c.lineWidth = 1.6;
    c.lineJoin = 'round';
    line(c, run);
    run = [];
  };
  for (const sample of seen) {
    if (isGap(sample[series.at])) draw();
    else run.push([x(sample[AT]), y(sample[series.at])]);
  }
  draw();
}

/// Draws the kills; answers from where to where their names are on the axis.
function drawKills(c, { kills, x, right, bottom, colour, now }) {
  const taken = [];
  for (const kill of kills) {
    const at = x(kill.at_ms);
    if (at < LEFT - 40 || right < at) continue;
    const until = kill.at_ms + (kill.resumed_ms ?? now - kill.at_ms);
    c.fillStyle = colour('bad');
    c.globalAlpha = 0.1;
    c.fillRect(Math.max(at, LEFT), 0, Math.max(0, Math.min(x(until), right) - Math.max(at, LEFT)), bottom);
    c.globalAlpha = 1;
    if (at < LEFT) continue;
    c.strokeStyle = colour('bad');
    c.lineWidth = 1.5;
    line(c, [[at, 0], [at, bottom]]);
    const text = `SIGKILL ${kill.number}`;
    const wide = c.measureText(text).width + 8;
    const left = Math.min(at, right - wide);
    c.fillRect(left, bottom, wide, AXIS_HEIGHT - 1);
    c.fillStyle = colour('on-bad');
    c.textAlign = 'left';
    c.textBaseline = 'middle';
    c.fillText(text, left + 4, bottom + AXIS_HEIGHT / 2);
    taken.push([left - 6, left + wide + 6]);
  }
  return taken;
}

function drawAxis(c, { right, bottom, colour, now, x, span, taken }) {
  c.textAlign = 'left';
  c.textBaseline = 'middle';
  c.fillStyle = colour('muted');
  const places = Math.max(2, Math.floor((right - LEFT) / 90));
  const step = [1, 2, 5, 10, 20, 30].find((it) => span / 1000 / it <= places);
  for (let ago = 0; ago * 1000 <= span; ago += step) {
    const text = ago === 0 ? 'now' : `${ago} s ago`;
    const at = x(now - ago * 1000);
    const wide = c.measureText(text).width;
    const left = Math.max(LEFT, Math.min(at - wide / 2, right - wide));
    // The name of a kill is more important than a time.
    if (taken.every(([from, to]) => left + wide < from || to < left)) c.fillText(text, left, bottom + AXIS_HEIGHT / 2);
  }
}

function line(c, points) {
  c.beginPath();
  points.forEach(([px, py], at) => (at === 0 ? c.moveTo(px, py) : c.lineTo(px, py)));
  c.stroke();
}

/// How many squares a row has: as many as make them large, and no row that is half empty if that can be.
function columnsFor(all, width, height) {
  let best = { columns: 1, worth: 0 };
  for (let columns = 1; columns <= all; columns += 1) {
    const rows = Math.ceil(all / columns);
    const cell = Math.min(width / columns, height / rows, 16);
    const fill = all / (columns * rows);
    // Even rows are worth a little of the size, and a full width is.
    const worth = cell * fill ** 4 * ((cell * columns) / width) ** 0.5;
    if (best.worth < worth) best = { columns, rows, cell, worth };
  }
  return best;
}

/// A square for each client: full when it is connected.
function drawClients(canvas, { all, map }) {
  if (!all) return;
  const shape = `${all} ${canvas.clientWidth}`;
  if (canvas.dataset.shape !== shape) {
    canvas.columns = columnsFor(all, canvas.clientWidth, 112);
    canvas.style.height = `${Math.ceil(canvas.columns.rows * canvas.columns.cell)}px`;
    canvas.dataset.shape = shape;
  }
  const { context: c } = sharp(canvas);
  const { columns, cell } = canvas.columns;
  const colour = colours();
  const [here, away] = [colour('connected'), colour('away')];
  const gap = cell > 5 ? 2 : cell > 3 ? 1 : 0;
  for (let at = 0; at < all; at += 1) {
    const isHere = (parseInt(map[at >> 2], 16) >> (3 - (at & 3))) & 1;
    c.fillStyle = isHere ? here : away;
    const [left, top] = [Math.round((at % columns) * cell), Math.round(Math.floor(at / columns) * cell)];
    c.fillRect(left, top, Math.floor(cell) - gap, Math.floor(cell) - gap);
  }
}
