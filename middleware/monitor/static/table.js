// The table of channels, and that of streams: the server searches, sorts and
// pages, and the rows are updated in place, so that the focus stays.

import { bytes as size } from "./chart.js";

const $ = id => document.getElementById(id);
const compact = new Intl.NumberFormat("en");

function age(since) {
  const s = Math.max(0, Math.round((Date.now() - new Date(since)) / 1000));
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min";
  if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " min";
  return Math.floor(s / 86400) + " d " + Math.floor(s % 86400 / 3600) + " h";
}

const names = row => row.channels.join(", ") + (row.channelCount > row.channels.length ? ", …" : "");

// A column has a sort key, or null; a label; the text of a row; and classes.
const tables = {
  channels: {
    key: row => row.name,
    order: "-streams",
    columns: [
      ["name", "Channel", row => row.private ? `${compact.format(row.private)} private` : row.name, "title wide"],
      ["streams", "Streams", row => compact.format(row.streams), "number"],
      ["events", "Recent events", row => compact.format(row.events), "number"],
      ["bytes", "Recent bytes", row => size(row.bytes), "number"],
    ],
    action: ["Follow", row => !row.private],
  },
  streams: {
    key: row => row.handle,
    order: "-lag",
    columns: [
      ["address", "Address", row => row.remoteAddr, "title"],
      ["identity", "Identity", row => row.identity || "–", ""],
      [null, "Stream", row => row.id + "…", "code"],
      ["channels", "Channels", names, "wide"],
      ["since", "Open for", row => age(row.since), "number", true],
      ["lag", "Lag", row => row.lagEvents ? `${compact.format(row.lagEvents)} (${size(row.lagBytes)})` : "0", "number"],
      ["events", "Sent", row => compact.format(row.sentEvents), "number"],
      ["bytes", "Bytes", row => size(row.sentBytes), "number"],
    ],
    action: ["Close", () => true],
  },
};

export class Table {
  // act is called with the name of the table and a row; follow with a channel.
  constructor({ act, follow, failed }) {
    this.act = act;
    this.follow = follow;
    this.failed = failed;
    this.rows = new Map(); // row elements by key
    this.head = document.querySelector("thead tr");
    this.body = document.querySelector("tbody");
    this.orders = { channels: tables.channels.order, streams: tables.streams.order };
    $("search").addEventListener("input", () => { this.offset = 0; this.load(); });
    $("order").addEventListener("change", e => this.sort(e.target.value));
    $("previous").addEventListener("click", () => this.turn(-1));
    $("next").addEventListener("click", () => this.turn(1));
    this.body.addEventListener("keydown", e => this.key(e));
    this.open("channels");
  }

  open(name) {
    this.name = name;
    this.kind = tables[name];
    this.offset = 0;
    this.rows.clear();
    this.body.replaceChildren();
    $("order").replaceChildren(...this.kind.columns.filter(([key]) => key).map(([key, label, , css, up]) => {
      const first = css.includes("number") && !up ? "-" : "";
      return new Option(label, first + key);
    }));
    for (const tab of document.querySelectorAll("[data-table]")) {
      const on = tab.dataset.table === name;
      tab.setAttribute("aria-selected", on);
      tab.tabIndex = on ? 0 : -1;
    }
    $("panel").setAttribute("aria-labelledby", "tab-" + name);
    this.heads();
    this.load();
  }

  heads() {
    const order = this.orders[this.name];
    this.head.replaceChildren(...this.kind.columns.map(([key, label, , css, up]) => {
      const th = document.createElement("th");
      th.scope = "col";
      th.className = css;
      if (!key) {
        const plain = th.appendChild(document.createElement("button"));
        plain.disabled = true;
        plain.textContent = label;
        return th;
      }
      const first = css.includes("number") && !up ? "-" + key : key;
      const other = first === key ? "-" + key : key;
      const button = th.appendChild(document.createElement("button"));
      button.type = "button";
      button.textContent = label;
      button.addEventListener("click", () => {
        this.sort(order === first ? other : first);
        this.head.children[this.kind.columns.findIndex(c => c[0] === key)].firstChild.focus();
      });
      if (order.replace("-", "") === key) th.setAttribute("aria-sort", order[0] === "-" ? "descending" : "ascending");
      return th;
    }), document.createElement("td"));
    $("order").value = order;
  }

  sort(order) {
    this.orders[this.name] = order;
    this.offset = 0;
    this.heads();
    this.load();
  }

  turn(by) {
    const button = $(by < 0 ? "previous" : "next");
    if (button.disabled) return;
    this.offset = Math.max(0, this.offset + by * 50);
    this.load();
  }

  // load asks for the page of the table. Of several calls, the last one counts.
  async load() {
    this.loading?.abort();
    const loading = this.loading = new AbortController();
    const query = new URLSearchParams({ sort: this.orders[this.name], offset: this.offset, limit: 50, q: $("search").value });
    try {
      const answer = await fetch(`${this.name}?${query}`, { signal: loading.signal, cache: "no-store" });
      if (!answer.ok) throw new Error(answer.status);
      const page = await answer.json();
      if (loading === this.loading) this.show(page);
    } catch (err) {
      if (!loading.signal.aborted) this.failed(err);
    } finally {
      if (loading === this.loading) this.loading = null;
    }
  }

  // refresh loads the page again, unless it is being loaded.
  refresh() {
    if (!this.loading) this.load();
  }

  show(page) {
    this.offset = page.offset;
    const focused = document.activeElement, index = [...this.body.children].indexOf(focused.closest?.("tbody tr"));
    const kept = new Map();
    page.rows.forEach((row, i) => {
      const key = this.kind.key(row), tr = this.rows.get(key) ?? this.make(key);
      kept.set(key, tr);
      this.fill(tr, row);
      if (this.body.children[i] !== tr) this.body.insertBefore(tr, this.body.children[i] ?? null);
    });
    for (const [key, tr] of this.rows) if (!kept.has(key)) tr.remove();
    this.rows = kept;
    if (index >= 0 && document.activeElement !== focused) { // the row has moved, or is gone
      (this.body.contains(focused) ? focused : this.body.children[Math.min(index, this.body.children.length - 1)])?.focus();
    }
    $("empty").hidden = page.rows.length > 0;
    const last = page.offset + page.rows.length, some = $("search").value !== "";
    $("range").textContent = page.matched === 0 ? "" :
      `${compact.format(page.offset + 1)}–${compact.format(last)} of ${compact.format(page.matched)}` +
      (some ? ` found in ${compact.format(page.total)}` : "");
    $("previous").disabled = page.offset === 0;
    $("next").disabled = last >= page.matched;
  }

  make(key) {
    const tr = document.createElement("tr");
    tr.tabIndex = 0;
    tr.dataset.key = key;
    for (const [, label, , css] of this.kind.columns) {
      const td = tr.appendChild(document.createElement("td"));
      td.className = css;
      td.dataset.label = label;
      if (css === "code") td.append(document.createElement("code"));
    }
    const td = tr.appendChild(document.createElement("td"));
    td.className = "act";
    const [label, possible] = this.kind.action;
    const button = document.createElement("button");
    button.type = "button";
    button.tabIndex = -1; // the row has a key for it
    button.textContent = label;
    button.addEventListener("click", () => this.act(this.name, tr.row));
    td.append(button);
    tr.possible = possible;
    return tr;
  }

  fill(tr, row) {
    tr.row = row;
    this.kind.columns.forEach(([key, , of], i) => {
      const td = tr.children[i], text = of(row), into = td.firstElementChild ?? td;
      if (into.textContent !== text) into.textContent = text;
      if (td.classList.contains("wide")) td.title = text;
      if (key === "lag") td.classList.toggle("warn", row.lagEvents > 100);
    });
    tr.lastChild.firstChild.hidden = !tr.possible(row);
  }

  key(e) {
    const tr = e.target.closest("tr");
    if (!tr || e.ctrlKey || e.metaKey || e.altKey) return;
    const to = { ArrowDown: tr.nextElementSibling, ArrowUp: tr.previousElementSibling, Home: tr.parentNode.firstChild, End: tr.parentNode.lastChild };
    if (e.key in to) {
      to[e.key]?.focus();
    } else if (e.key === "Enter" && e.target === tr) {
      const channel = this.name === "channels" ? !tr.row.private && tr.row.name : tr.row.channels.find(c => c !== "(private)");
      if (channel) this.follow(channel);
    } else if ((e.key === "x" || e.key === "Delete") && this.name === "streams") {
      this.act("streams", tr.row);
    } else if (e.key === "ArrowLeft" || e.key === "ArrowRight") {
      this.turn(e.key === "ArrowLeft" ? -1 : 1);
    } else {
      return;
    }
    e.preventDefault();
    e.stopPropagation();
  }
}
