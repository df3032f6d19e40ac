// The chat in a browser: one channel that is remembered, and one that is not.
const $ = (id) => document.getElementById(id);
const url = document.currentScript.dataset.arrwdb;
const me = new URLSearchParams(location.search).get('user') ?? `guest-${Math.floor(Math.random() * 10_000)}`;

async function getToken() {
  const answer = await fetch(`/token?user=${encodeURIComponent(me)}`);
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()).token;
}

const centrifuge = new Centrifuge(url, { getToken });
const state = (text, is) => { $('state').textContent = text; $('state').className = is; };
centrifuge.on('connecting', () => state('connecting', ''));
centrifuge.on('connected', () => state(`connected as ${me}`, 'connected'));
centrifuge.on('disconnected', (it) => state(`disconnected: ${it.reason}`, ''));

function line(className, ...parts) {
  const item = document.createElement('li');
  item.className = className;
  item.append(...parts);
  const log = $('log');
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.append(item);
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

function said({ data, info }) {
  const name = document.createElement('b');
  name.textContent = info?.user ?? 'the server';
  const time = document.createElement('time');
  time.textContent = new Date(data.at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  line('', name, ` ${data.text}`, time);
}

const room = centrifuge.newSubscription('chat:lobby');
let isFirst = true;
room.on('publication', (it) => { stopped(it.info?.user); said(it); });
room.on('subscribed', async (it) => {
  if (isFirst) {
    isFirst = false;
    const { publications } = await room.history({ limit: 50, reverse: true });
    publications.reverse().forEach(said);
  } else if (it.wasRecovering) {
    // What was missed comes by itself, in its order, each once.
    line('note', it.recovered ? 'back, and nothing was missed' : 'back; older messages are gone');
  }
  members();
});

const here = new Map();
async function members() {
  const { clients } = await room.presence();
  here.clear();
  for (const it of Object.values(clients)) here.set(it.client, it.user);
  show();
}
function show() {
  const names = [...new Set(here.values())].sort();
  $('members').replaceChildren(...names.map((name) => {
    const item = document.createElement('li');
    item.textContent = name === me ? `${name} (you)` : name;
    return item;
  }));
}
room.on('join', ({ info }) => { here.set(info.client, info.user); show(); line('note', `${info.user} came`); });
room.on('leave', ({ info }) => { here.delete(info.client); show(); line('note', `${info.user} went`); });

// Who is typing: told at most every two seconds, forgotten after three.
const typing = centrifuge.newSubscription('typing:lobby');
const typers = new Map();
const tell = () => {
  const names = [...typers.keys()];
  $('typing').textContent = names.length ? `${names.join(', ')} ${names.length > 1 ? 'are' : 'is'} typing` : '';
};
const stopped = (user) => { clearTimeout(typers.get(user)); typers.delete(user); tell(); };
typing.on('publication', ({ info }) => {
  const user = info?.user;
  if (!user || user === me) return;
  clearTimeout(typers.get(user));
  typers.set(user, setTimeout(() => stopped(user), 3_000));
  tell();
});
let told = 0;
$('text').addEventListener('input', () => {
  if (Date.now() - told < 2_000) return;
  told = Date.now();
  typing.publish({}).catch(() => {});
});

$('say').addEventListener('submit', async (event) => {
  event.preventDefault();
  const text = $('text').value.trim();
  if (!text) return;
  try {
    await room.publish({ text, at: Date.now() });
    $('text').value = '';
  } catch (error) {
    line('note', `not sent: ${error.message}`);
  }
});

room.subscribe();
typing.subscribe();
centrifuge.connect();
