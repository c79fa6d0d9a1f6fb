// The monitor's page: what it shows comes by the feed, which is an event stream,
// or by polling where no stream is possible. The tables are asked for.

import { Chart, short } from "./chart.js";
import { Table } from "./table.js";

const $ = id => document.getElementById(id);
const kept = 900; // samples, of a quarter of an hour
const shownEvents = 100; // of the channel that is followed

let samples = [], minutes = 5;
let source = null, lastId = "", channel = "", polls = 0, timer = 0, drawing = false, fresh = 0;

const charts = [
  { title: "Streams", series: [["open", s => s.streams]], notes: [["opened/s", s => s.opened], ["closed/s", s => s.closed], ["refused/s", s => s.refused]] },
  { title: "Published", unit: "events/s", series: [["published", s => s.published]], notes: [["in rings, MB", s => s.ringBytes / 1e6]] },
  { title: "Delivered", unit: "events/s", series: [["delivered", s => s.delivered]], notes: [["kB/s", s => s.sentBytes / 1e3]] },
  { title: "Delay", unit: "ms for 99 %", series: [["99 %", s => s.delay.p99], ["median", s => s.delay.median]] },
  { title: "Lag", unit: "streams behind", series: [["streams", s => s.lag.streams], ["most events", s => s.lag.events]] },
  {
    title: "Drops", unit: "per second", large: s => s.evicted + s.skipped + s.conflated,
    series: [["evicted", s => s.evicted], ["skipped", s => s.skipped], ["conflated", s => s.conflated]],
  },
].map(chart => new Chart($("charts"), chart));

const table = new Table({ act, follow, failed: () => badge("bad", "No answer") });

function badge(css, text) {
  if ($("badge").textContent !== text) $("badge").textContent = text;
  $("badge").className = "badge " + css;
}

function say(text) {
  $("said").textContent = text;
  $("said").hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { $("said").hidden = true; }, 4000);
}

// draw shows the samples, once for all that came since the last frame.
function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    for (const chart of charts) chart.show(samples, minutes);
    const last = samples.at(-1);
    document.querySelector("#tab-channels b").textContent = last ? short(last.channels) : "";
    document.querySelector("#tab-streams b").textContent = last ? short(last.streams) : "";
  });
}

const receive = {
  sample(s) {
    if (samples.length && s.time <= samples.at(-1).time) return;
    samples.push(s);
    if (samples.length > kept) samples.splice(0, samples.length - kept);
    draw();
    if (Date.now() - fresh > 1900) { // every other second
      fresh = Date.now();
      table.refresh();
    }
  },
  follow(e) {
    if (e.channel !== channel) return;
    const list = $("events"), bottom = list.scrollHeight - list.scrollTop - list.clientHeight < 30;
    const item = (css, ...children) => {
      const li = document.createElement("li");
      li.className = css;
      li.append(...children);
      list.append(li);
    };
    const element = (name, text) => Object.assign(document.createElement(name), { textContent: text });
    if (e.skipped) item("gap", "Some events are not shown: there are too many.");
    item("", element("time", new Date(e.time).toLocaleTimeString()),
      element("b", (e.name || "message") + (e.to ? " to a " + e.to : "")), element("code", e.data));
    while (list.children.length > shownEvents) list.firstChild.remove();
    if (bottom) list.scrollTop = list.scrollHeight;
  },
  reset() { samples = []; },
};

function query() {
  const params = new URLSearchParams();
  if (lastId) params.set("lastEventId", lastId);
  if (channel) params.set("channel", channel);
  return params;
}

function close() {
  source?.close();
  source = null;
  clearTimeout(timer);
}

// connect opens the feed. Where that fails for good, the page polls, and tries
// again from time to time.
function connect() {
  close();
  const own = source = new EventSource("feed?" + query());
  own.onopen = () => badge("good", "Live");
  own.onerror = () => {
    if (own !== source) return;
    if (own.readyState !== EventSource.CLOSED) return badge("wait", "Reconnecting…");
    source = null;
    polls = 0;
    poll();
  };
  for (const name of ["sample", "follow", "reset"]) {
    own.addEventListener(name, e => {
      if (own !== source) return;
      if (e.lastEventId) lastId = e.lastEventId;
      receive[name](name === "reset" ? null : JSON.parse(e.data));
    });
  }
}

async function poll() {
  clearTimeout(timer);
  let gone = false;
  try {
    const answer = await fetch("samples?" + query(), { cache: "no-store" });
    gone = answer.status === 404;
    if (answer.status === 403) badge("bad", "Not allowed");
    else if (!answer.ok) badge("wait", gone ? "No such channel" : "Reconnecting…");
    else {
      badge("good", "Polling");
      const got = await answer.json();
      if (got.reset) receive.reset();
      lastId = got.lastEventId;
      for (const e of got.events) receive[e.name]?.(e.data);
    }
  } catch {
    badge("wait", "Reconnecting…");
  }
  if (source || document.hidden) return;
  if (gone && channel) return follow("");
  timer = setTimeout(++polls % 20 === 0 ? connect : poll, 1000);
}

// follow shows the events of a channel; of none if its name is empty.
function follow(name) {
  channel = name;
  $("follow").hidden = !name;
  $("followed").textContent = name;
  $("events").replaceChildren();
  connect();
  if (name) $("follow").scrollIntoView({ block: "nearest" });
}

// act does what the button of a row does.
async function act(kind, row) {
  if (kind === "channels") return follow(row.name);
  const dialog = $("confirm"), back = document.activeElement;
  $("question").textContent = `Close the stream ${row.id}… of ${row.identity || row.remoteAddr}?`;
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise(resolve => { dialog.addEventListener("close", resolve, { once: true }); });
  if (back.isConnected) back.focus();
  if (dialog.returnValue !== "yes") return;
  try {
    const answer = await fetch("close", { method: "POST", body: new URLSearchParams({ stream: row.handle }) });
    say(answer.ok ? `The stream ${row.id}… is closed.` : answer.status === 404 ? "The stream has ended already." :
      "The stream could not be closed.");
  } catch {
    say("No answer from the server.");
  }
  setTimeout(() => table.refresh(), 1000);
}

$("unfollow").addEventListener("click", () => follow(""));
for (const button of document.querySelectorAll("[data-minutes]")) {
  button.addEventListener("click", () => {
    minutes = Number(button.dataset.minutes);
    for (const b of document.querySelectorAll("[data-minutes]")) b.setAttribute("aria-pressed", b === button);
    draw();
  });
}
for (const tab of document.querySelectorAll("[data-table]")) {
  tab.addEventListener("click", () => table.open(tab.dataset.table));
  tab.addEventListener("keydown", e => {
    if (e.key !== "ArrowLeft" && e.key !== "ArrowRight") return;
    const other = tab.nextElementSibling ?? tab.previousElementSibling;
    other.focus();
    other.click();
    e.stopPropagation();
  });
}
document.addEventListener("keydown", e => {
  if (e.ctrlKey || e.metaKey || e.altKey || $("confirm").open) return;
  if (e.key === "Escape") {
    if (e.target === $("search")) $("search").blur();
    else if (channel) follow("");
    return;
  }
  if (e.target.closest("input, select")) return;
  const name = { 1: "channels", 2: "streams" }[e.key];
  if (e.key === "/") $("search").focus();
  else if (name) table.open(name);
  else if (e.key === "ArrowDown" && e.target === document.body) document.querySelector("tbody tr")?.focus();
  else return;
  e.preventDefault();
});
document.addEventListener("visibilitychange", () => document.hidden ? close() : connect());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
$("said").addEventListener("click", () => { $("said").hidden = true; });
connect();
