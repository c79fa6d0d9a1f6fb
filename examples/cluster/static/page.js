import { Source } from './tidings.js';

const POINTS = 40; // prices in a sparkline
const LINES = 6; // of the log
const WIDTH = 100, HEIGHT = 36, PAD = 4; // of a sparkline
const LABELS = {
  up: ['up', 'good'], away: ['no engine', 'wait'], draining: ['draining', 'wait'],
  starting: ['starting', 'wait'], silent: ['silent', 'wrong'], down: ['down', 'wrong'],
};
const $ = (id) => document.getElementById(id);

function element(name, text, className = '') {
  return Object.assign(document.createElement(name), { textContent: text, className });
}

// A write of the same text would make a screen reader say it again.
function setText(target, text) {
  if (target.textContent !== String(text)) target.textContent = text;
}

function note(text) {
  const item = element('li', '');
  const time = element('time', new Date().toLocaleTimeString([], { hour12: false }));
  item.append(time, element('span', text));
  $('log').prepend(item);
  while ($('log').childElementCount > LINES) $('log').lastElementChild.remove();
}

// ---- the cluster ----

let cluster = null; // the newest state
let here = ''; // the node that this page is connected to
let publisher = '';
const rows = new Map();

const title = (name) => cluster?.nodes.find((node) => node.name === name)?.title ?? name;

function addRow(member) {
  const item = element('li', '');
  const text = element('div', '');
  const row = {
    name: element('span', member.title, 'name'), here: element('span', '', 'here'), more: element('small', '', 'pid'),
    badge: element('span', '', 'badge'), button: element('button', ''), state: member.state, item,
  };
  item.dataset.member = member.name;
  text.append(row.name, row.here, row.more);
  row.button.type = 'button';
  row.button.hidden = Boolean(member.fixed);
  row.button.onclick = () => press(`/cluster/${member.name}/${row.button.dataset.action}`);
  item.append(text, row.badge, row.button);
  $('members').append(item);
  rows.set(member.name, row);
  return row;
}

function showMember(member) {
  const row = rows.get(member.name) ?? addRow(member);
  const [label, kind] = LABELS[member.state] ?? [member.state, ''];
  if (row.state !== member.state) note(`${member.title} is ${label}`);
  row.state = member.state;
  const marks = [member.name === here && 'this page', member.name === publisher && 'publishes'].filter(Boolean);
  if (member.name === here) row.item.setAttribute('aria-current', 'true');
  else row.item.removeAttribute('aria-current');
  row.here.hidden = marks.length === 0;
  setText(row.here, marks.join(', '));
  const facts = [
    member.pid ? `process ${member.pid}` : member.fixed ? 'runs elsewhere' : 'no process',
    member.name !== 'engine' && `${member.viewers} ${member.viewers === 1 ? 'stream' : 'streams'}`,
    member.starts > 1 && `started ${member.starts}×`,
  ];
  setText(row.more, facts.filter(Boolean).map((fact) => fact.replaceAll(' ', '\u00a0')).join('\u00a0· '));
  setText(row.badge, label);
  row.badge.className = 'badge ' + kind;
  const action = member.state === 'down' ? 'start' : 'kill';
  setText(row.button, action === 'start' ? 'Start' : 'Kill');
  row.button.dataset.action = row.button.className = action;
  row.button.setAttribute('aria-label', `${row.button.textContent} ${member.title}`);
}

function showCluster() {
  if (!cluster) return;
  for (const member of [...cluster.nodes, cluster.engine]) showMember(member);
  setText($('viewers'), `${cluster.viewers} ${cluster.viewers === 1 ? 'viewer' : 'viewers'} on all nodes`);
  setText($('rolling'), cluster.rolling ? `Restarting ${title(cluster.rolling)}…` : 'Rolling restart');
  $('rolling').disabled = Boolean(cluster.rolling);
  setText($('node'), here ? title(here) : '–');
  setText($('publisher'), publisher ? title(publisher) : '–');
  showBadge();
}

async function press(path) {
  try {
    const answer = await fetch(path, { method: 'POST' });
    say(answer.ok ? '' : `That was refused: ${(await answer.text()).trim()}.`, !answer.ok);
  } catch {
    say('No answer. Is the program running?', true);
  }
}

function say(text, wrong) {
  setText($('said'), text);
  $('said').className = wrong ? 'wrong' : '';
}

$('rolling').onclick = () => press('/cluster/rolling');

// All tabs share one connection for the state. It comes with the position that
// the stream goes on from.
const states = new Source('/cluster/events', {
  share: true, minDelay: 500, maxDelay: 4000,
  load: async () => {
    const { state, lastEventId } = await (await fetch('/cluster/state')).json();
    cluster = state;
    showCluster();
    return lastEventId;
  },
});
states.addEventListener('cluster', (e) => {
  cluster = JSON.parse(e.data);
  showCluster();
});

// ---- prices ----

const quotes = new Map();

function addQuote(stock) {
  const row = element('tr', '');
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', `Last ${POINTS} prices of ${stock}`);
  const [line, last] = ['line', 'last'].map((name) => {
    const path = document.createElementNS(svg.namespaceURI, 'path');
    path.setAttribute('class', name);
    svg.append(path);
    return path;
  });
  const head = element('th', stock);
  head.scope = 'row';
  const spark = element('td', ''), price = element('td', '');
  spark.append(svg);
  row.append(head, spark, price);
  $('quotes').insertBefore(row, [...$('quotes').rows].find((other) => other.firstChild.textContent > stock) ?? null);
  const quote = { points: [], line, last, price };
  quotes.set(stock, quote);
  return quote;
}

function showQuote({ stock, value }) {
  const quote = quotes.get(stock) ?? addQuote(stock);
  const { points } = quote;
  points.push(value);
  if (points.length > POINTS) points.shift();
  quote.price.textContent = value.toFixed(2);
  const low = Math.min(...points), high = Math.max(...points);
  const at = points.map((point, i) => {
    const x = WIDTH * (POINTS - points.length + i) / (POINTS - 1);
    const y = HEIGHT - PAD - (high > low ? (point - low) / (high - low) : 0.5) * (HEIGHT - 2 * PAD);
    return `${x.toFixed(2)} ${y.toFixed(2)}`;
  });
  quote.line.setAttribute('d', 'M' + at.join('L'));
  quote.last.setAttribute('d', `M${at.at(-1)}h.01`); // a dot
}

// ---- the stream ----

const counts = { received: 0, missed: 0, repeated: 0, reconnects: 0 };
let last = 0; // number of the newest price
let gap = false; // the history has lost something: numbers may begin anew
let opens = 0;
let lost = 0; // when the connection was lost, in ms

function showCounts() {
  for (const [name, count] of Object.entries(counts)) setText($(name), count.toLocaleString('en'));
  setText($('number'), last);
  for (const name of ['missed', 'repeated']) $(name).className = counts[name] ? 'wrong' : 'good';
}

function showBadge() {
  const away = cluster?.engine.state !== 'up';
  const [text, kind] = !here ? ['Reconnecting…', 'wait'] : away ? ['Waiting for the engine', 'wait'] : ['Live', 'good'];
  setText($('badge'), text);
  $('badge').className = 'badge ' + kind;
}

const prices = new Source('/events', { minDelay: 300, maxDelay: 3000 });

// A node's first event on each stream says which one it is.
prices.addEventListener('node', (e) => {
  here = JSON.parse(e.data).node;
  counts.reconnects = opens++;
  note(`Connected to ${title(here)}` + (lost ? ` after ${((Date.now() - lost) / 1000).toFixed(1)} s` : ''));
  lost = 0;
  showCounts();
  showCluster();
});

prices.addEventListener('price', (e) => {
  const quote = JSON.parse(e.data);
  counts.received++;
  if (last && quote.n > last) counts.missed += quote.n - last - 1;
  else if (last && !gap) counts.repeated++;
  last = gap ? quote.n : Math.max(last, quote.n);
  gap = false;
  showQuote(quote);
  showCounts();
  if (publisher === quote.by) return;
  publisher = quote.by;
  showCluster();
});

prices.addEventListener('reset', (e) => {
  gap = true;
  note(`The history has a gap: ${JSON.parse(e.data).reason}`);
});

prices.onstate = ({ detail }) => {
  if (detail.state === 'open' || !here) return;
  note(`Connection to ${title(here)} lost`);
  here = '';
  lost = Date.now();
  showCluster();
};
