import { Source } from './tidings.js';

const KEPT = 6; // orders
const $ = (id) => document.getElementById(id);
let sources = []; // open streams

// ---- requests ----

async function post(path, body) {
  const answer = await fetch(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body ?? {}),
  });
  if (!answer.ok) throw Object.assign(new Error((await answer.text()).trim()), { status: answer.status });
  return answer.json();
}

// A ticket stands in the URL, where logs see it, and is spent by then.
async function ticketed(channel) {
  const { ticket } = await post('/tickets');
  return `/tickets/${channel}?ticket=${ticket}`;
}

// ---- what is shown ----

function say(id, text, wrong) {
  $(id).textContent = text;
  $(id).classList.toggle('wrong', Boolean(wrong));
}

function badge(channel, text, kind) {
  $(channel + '-badge').textContent = text;
  $(channel + '-badge').className = 'badge ' + kind;
}

function element(name, text, className = '') {
  return Object.assign(document.createElement(name), { textContent: text, className });
}

function showPrice({ symbol, value }) {
  let row = document.querySelector(`#prices tr[data-symbol="${CSS.escape(symbol)}"]`);
  if (!row) {
    row = element('tr', '');
    row.dataset.symbol = symbol;
    const later = [...$('prices').rows].find((other) => other.dataset.symbol > symbol);
    $('prices').insertBefore(row, later ?? null);
    row.append(element('th', symbol), element('td', ''));
  }
  row.lastElementChild.textContent = value.toFixed(2);
}

function showOrder({ side, quantity, symbol, value }) {
  const item = element('li', '');
  item.append(element('span', side, 'side ' + side), element('span', `${quantity} ${symbol}`),
    element('span', value.toFixed(2), 'at'));
  $('orders').prepend(item);
  while ($('orders').childElementCount > KEPT) $('orders').lastElementChild.remove();
}

function showLogin(text = '') {
  close();
  $('who').hidden = $('market').hidden = $('notice').hidden = true;
  $('login').hidden = false;
  say('said', text, true);
}

function showMarket(me) {
  $('login').hidden = true;
  $('who').hidden = $('market').hidden = false;
  $('user').textContent = me.user;
  $('role').textContent = me.role;
  $('admin').hidden = !me.admin;
  say('done', '');
  open(me);
}

// ---- streams ----

function close() {
  for (const source of sources) source.close();
  sources = [];
}

// The server's last event on a stream says why it has ended.
function told(e) {
  const { reason } = JSON.parse(e.data);
  ended(`The server has ended your streams: ${reason}.`);
}

function ended(text) {
  close();
  badge('prices', 'Ended', 'wrong');
  if (!$('orders').hidden) badge('orders', 'Ended', 'wrong');
  $('told').textContent = text;
  $('notice').hidden = false;
}

// A refused EventSource does not say why. The session may be over.
// look says why a stream was refused, and has its source close.
async function look() {
  try {
    if ((await (await fetch('/me')).json()) === null) showLogin('Your session is over.');
    else ended('The server refuses your streams.');
  } catch {
    ended('No answer from the server.');
  }
  return false;
}

function openPrices() {
  const source = new EventSource('/events/prices');
  source.onopen = () => badge('prices', 'Live', 'good');
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) look();
    else badge('prices', 'Reconnecting…', 'wait');
  };
  source.addEventListener('price', (e) => showPrice(JSON.parse(e.data)));
  source.addEventListener('closed', told);
  sources.push(source);
}

// The companion comes back with a new ticket when the old one is good no more.
function openOrders(url) {
  const source = new Source(url, {
    renew: (status) => (status === 403 ? look() : ticketed('orders')),
  });
  source.onstate = (e) => {
    if (e.detail.state === 'open') badge('orders', 'Live', 'good');
    else if (e.detail.failed) badge('orders', 'Reconnecting…', 'wait');
  };
  source.addEventListener('order', (e) => showOrder(JSON.parse(e.data)));
  source.addEventListener('closed', told);
  sources.push(source);
}

async function open(me) {
  close();
  $('notice').hidden = true;
  $('prices').replaceChildren();
  $('orders').replaceChildren();
  const may = me.channels.includes('orders');
  $('orders').hidden = !may;
  $('refused').hidden = may;
  say('answer', '');
  badge('prices', 'Connecting…', 'wait');
  badge('orders', may ? 'Connecting…' : 'Not for your role', may ? 'wait' : '');
  openPrices();
  if (!may) return;
  const mine = sources;
  const url = await ticketed('orders').catch(() => null);
  if (mine !== sources) return; // closed meanwhile
  if (url) openOrders(url);
  else look();
}

async function begin() {
  const me = await (await fetch('/me')).json();
  if (me) showMarket(me);
  else showLogin();
}

// ---- buttons ----

for (const button of document.querySelectorAll('#demo button')) {
  button.onclick = () => {
    $('name').value = button.dataset.user;
    $('password').value = button.dataset.password;
    $('password').focus();
  };
}

$('form').onsubmit = async (e) => {
  e.preventDefault();
  try {
    const me = await post('/login', { user: $('name').value, password: $('password').value });
    $('form').reset();
    showMarket(me);
  } catch (problem) {
    say('said', problem.status ? problem.message : 'No answer from the server.', true);
  }
};

$('logout').onclick = async () => {
  close();
  await post('/logout').catch(() => {}); // the session may be over
  showLogin();
};

$('again').onclick = begin;

$('try').onclick = async () => {
  const answer = await fetch(await ticketed('orders'));
  answer.body?.cancel();
  say('answer', `The server says ${answer.status} ${answer.statusText}`, !answer.ok);
};

for (const act of ['revoke', 'restore']) {
  for (const button of document.querySelectorAll(`[data-${act}]`)) {
    button.onclick = async () => {
      const user = button.dataset[act];
      try {
        const { ended } = await post(`/${act}/${user}`);
        say('done', act === 'restore' ? `${user} may come back.` : `${user} is revoked. Streams ended: ${ended}.`);
      } catch (problem) {
        say('done', problem.message, true);
      }
    };
  }
}

begin();
