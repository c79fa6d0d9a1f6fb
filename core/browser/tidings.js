// Tidings' companion for pages: an EventSource that comes back after any
// answer, shares one connection among the tabs of a site, and tells its state.
// tidings.d.ts describes it.

const PARAMETER = "lastEventId";
const TICK = 3000; // ms between two looks for the leading tab
const KEPT = 1000; // events and IDs that a tab remembers
const RESERVED = new Set(["open", "error", "state"]);

export class Source extends EventTarget {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSED = 2;

  onopen = null;
  onmessage = null;
  onerror = null;
  onstate = null;

  state = "connecting";
  role = "alone";
  #detail = {};

  #options;
  #shared; // name of the lock and of the channel, or nothing
  #stored; // name in the session's storage, or nothing
  #names = new Set(["message"]); // events that some tab listens for
  #seen = new Set(); // IDs of the latest events
  #end = new AbortController(); // of the source
  #stay = null; // AbortController while the tab takes part
  #own = null; // AbortController while the tab has a connection of its own, or tries
  #es = null;
  #opened = Infinity; // when #es did
  #known = 0; // number of the names that it listened for when it was at lastEventId
  #tries = 0;
  #fresh = false; // the page has loaded its state
  #loaded = 0; // when load was called for lastEventId, or 0
  #since = Date.now(); // the server was at lastEventId by then

  // Of a tab that follows, or would:
  #channel = null;
  #timer = 0;
  #met = false; // a leading tab has told its names
  #heard = true; // from the leading tab, since the last tick
  #at = null; // ID where the leading tab stands
  #missed = []; // its events that were not delivered here
  #together = false; // the next event comes from the leading tab

  constructor(url, options = {}) {
    super();
    this.#options = { withCredentials: false, minDelay: 1000, maxDelay: 30000, ...options };
    const { share, resume, pauseHidden, withCredentials, lastEventId } = this.#options;
    const start = this.#use(url);
    const name = (key) => key && "tidings:" + (key === true ? withCredentials + this.url : key);
    this.#shared = navigator.locks && globalThis.BroadcastChannel && name(share);
    this.#stored = name(resume);
    this.lastEventId = lastEventId ?? start ?? this.#restore() ?? "";

    for (const type of ["message", ...RESERVED]) {
      super.addEventListener(type, (event) => this["on" + type]?.(event));
    }
    const leave = () => this.#leave("paused");
    const look = () => {
      this.#save(); // a phone may end a hidden page without a word
      if (document.hidden && pauseHidden) leave();
      else this.#join();
    };
    const { signal } = this.#end;
    addEventListener("pagehide", leave, { signal });
    addEventListener("pageshow", look, { signal });
    document.addEventListener("freeze", leave, { signal });
    document.addEventListener("resume", look, { signal });
    document.addEventListener("visibilitychange", look, { signal });
    queueMicrotask(look); // the page adds its listeners first
  }

  get withCredentials() {
    return this.#options.withCredentials;
  }

  get readyState() {
    return { open: 1, closed: 2 }[this.state] ?? 0;
  }

  addEventListener(type, ...rest) {
    super.addEventListener(type, ...rest);
    if (!RESERVED.has(type) && this.#listen(type)) this.#ask();
  }

  close() {
    this.#finish();
  }

  #finish(detail) {
    this.#end.abort();
    this.#leave("closed", detail);
  }

  // #enter changes the state, and tells it.
  #enter(state, detail) {
    const was = this.#detail;
    const now = (this.#detail = { ...detail, state, role: this.role });
    this.state = state;
    if (["state", "role", "until", "failed"].every((key) => was[key] === now[key])) return;
    if (this.role === "leading") this.#tell();
    this.dispatchEvent(new CustomEvent("state", { detail: now }));
    if (state === "open" && was.state !== state) this.dispatchEvent(new Event("open"));
    if (now.failed) this.dispatchEvent(new Event("error"));
  }

  // ---- taking part ----

  async #join() {
    if (this.#stay || this.#end.signal.aborted) return;
    const { signal } = (this.#stay = new AbortController());
    this.#enter("connecting");
    while (this.#options.load && !this.#fresh && !signal.aborted) await this.#load(signal);
    if (signal.aborted) return;
    if (!this.#shared) return this.#connect();
    this.role = "following";
    this.#channel = new BroadcastChannel(this.#shared);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    // The lock is granted when the leading tab leaves, also by a crash.
    const lead = () => new Promise((free) => (signal.addEventListener("abort", free), this.#lead()));
    navigator.locks.request(this.#shared, { signal }, lead).catch(() => {});
    const tick = () => {
      if (!this.#heard) {
        this.#missed = [];
        this.#at = null;
        this.#apart();
      }
      this.#heard = false;
      this.#ask();
    };
    this.#heard = true;
    tick();
    this.#timer = setInterval(tick, TICK);
  }

  // #load has the page load its state, and goes on after that.
  async #load(signal) {
    const asked = Date.now();
    try {
      const id = await this.#options.load();
      if (signal.aborted) return;
      this.lastEventId = id ?? "";
      this.#loaded = asked;
      this.#since = Date.now();
      this.#fresh = true;
    } catch {
      await this.#wait(signal);
    }
  }

  #leave(state, detail) {
    this.#save();
    this.#stay?.abort();
    this.#disconnect();
    clearInterval(this.#timer);
    this.#channel?.close();
    this.#stay = this.#channel = this.#at = null;
    this.#together = this.#met = false;
    this.#missed = [];
    this.role = "alone";
    this.#enter(state, detail);
  }

  #save() {
    try {
      if (this.#stored) sessionStorage[this.#stored] = this.lastEventId;
    } catch {} // no storage: nothing to resume
  }

  #restore() {
    try {
      return this.#stored && sessionStorage[this.#stored];
    } catch {}
  }

  // ---- a connection of the tab's own ----

  // #use takes a URL without its last event ID, and returns that.
  #use(url) {
    const at = new URL(url, document.baseURI);
    const id = at.searchParams.get(PARAMETER);
    if (id !== null) at.searchParams.delete(PARAMETER);
    this.url = at.href;
    return id;
  }

  #address() {
    const at = new URL(this.url);
    if (this.lastEventId) at.search += `${at.search ? "&" : "?"}${PARAMETER}=${encodeURIComponent(this.lastEventId)}`;
    return at;
  }

  #connect() {
    const { signal } = (this.#own ??= new AbortController());
    const es = (this.#es = new EventSource(this.#address(), { withCredentials: this.withCredentials }));
    for (const name of this.#names) es.addEventListener(name, this.#take);
    this.#known = this.#names.size;
    // The server may name its events open or error, too: these have data.
    es.onopen = (event) => {
      if ("data" in event) return this.#take(event);
      this.#opened = Date.now();
      if (!this.lastEventId) this.#since = this.#opened;
      this.#enter("open");
    };
    es.onerror = (event) => {
      if ("data" in event) return this.#take(event);
      if (Date.now() - this.#opened > this.#options.maxDelay) this.#tries = 0;
      this.#opened = Infinity;
      if (es.readyState === EventSource.CLOSED) this.#revive(signal);
      else this.#enter("connecting", { failed: true }); // the browser tries again
    };
  }

  #disconnect() {
    this.#own?.abort();
    this.#es?.close();
    this.#own = this.#es = null;
  }

  // #wait waits before another attempt.
  async #wait(signal, status, after = 0) {
    const { minDelay, maxDelay } = this.#options;
    const backoff = (Math.min(maxDelay, minDelay * 2 ** this.#tries++) * (1 + Math.random())) / 2;
    const delay = Math.min(Math.max(backoff, after * 1000), 3600e3);
    this.#enter("waiting", { status, until: Date.now() + delay, failed: true });
    await new Promise((over) => (setTimeout(over, delay), signal.addEventListener("abort", over)));
  }

  // #revive connects anew when an EventSource has given up, as it does after
  // any status but 200. It cannot tell the status; a request can.
  async #revive(signal) {
    const { renew } = this.#options;
    for (let status, after, ready; !ready; ) {
      await this.#wait(signal, status, after);
      if (signal.aborted) return;
      status = after = 0;
      try {
        const credentials = this.withCredentials ? "include" : "same-origin";
        const headers = { Accept: "text/event-stream" };
        const answer = await fetch(this.#address(), { cache: "no-store", credentials, headers, signal });
        answer.body?.cancel();
        status = answer.status;
        if (status === 204) return this.#finish({ status, failed: true });
        after = +answer.headers.get("Retry-After") || 0;
        const refused = status === 401 || status === 403;
        if (renew && (answer.ok || refused)) {
          const url = await renew(status);
          if (url === false) return this.#finish({ status, failed: true });
          this.#use(url ?? this.url);
        }
        ready = answer.ok || (renew && refused);
      } catch {} // there was no answer, or no renewal
    }
    if (!signal.aborted) this.#connect();
  }

  #take = ({ type, data, origin, lastEventId: id }) => {
    const event = { type, data, origin, id, prev: this.lastEventId };
    if (this.role === "leading") this.#tell(event);
    this.#known = this.#names.size;
    this.#deliver(event);
    if (!this.#channel || this.role !== "alone") return;
    this.#sync();
    if (this.#together) this.#enter("open");
  };

  #deliver({ type, data, origin, id }) {
    this.lastEventId = id;
    this.#since = Date.now();
    this.#loaded = 0;
    if (this.#seen.add(id).size > KEPT) this.#seen.delete(this.#seen.values().next().value);
    this.dispatchEvent(new MessageEvent(type, { data, origin, lastEventId: id }));
    if (type !== "reset" || !this.#options.load || !this.#stay) return;
    this.#fresh = false; // what the page shows may miss something
    this.#leave("connecting");
    this.#join();
  }

  #listen(name) {
    const fresh = !this.#names.has(name);
    this.#names.add(name);
    if (fresh) this.#es?.addEventListener(name, this.#take);
    return fresh;
  }

  // ---- one connection for all tabs ----
  //
  // The tab that holds the lock leads: it passes on each event, with the ID of
  // the one before. A tab follows as long as that is the ID where it stands
  // itself. Otherwise it has missed something, and connects on its own, from
  // where it stands, until both stand at the same event.

  #lead() {
    clearInterval(this.#timer);
    this.role = "leading";
    this.#together = false;
    this.#missed = [];
    if (this.#own) return this.#enter(this.state, { ...this.#detail, failed: false });
    this.#enter("connecting");
    this.#connect();
  }

  #ask() {
    this.#channel?.postMessage({ ask: true, names: [...this.#names] });
  }

  #tell(event) {
    const at = event ? event.id : this.lastEventId;
    const rest = event ? { event } : { names: [...this.#names], detail: this.#detail };
    this.#channel?.postMessage({ at, since: this.#since, known: this.#known, ...rest });
  }

  #hear({ ask, names, known, at, since, event, detail = { state: "open" } }) {
    names?.forEach((name) => this.#listen(name));
    if (this.role === "leading") return ask && this.#tell();
    if (ask) return;
    this.#heard = true;
    this.#met ||= Boolean(names);
    if (!this.#together) {
      if (!this.#met) return;
      // It may have missed events with a name that it did not listen for.
      if (known !== this.#names.size) return this.#apart();
      // It stood there before this page asked for its state, which is thus no older.
      if (since < this.#loaded) this.lastEventId = event ? event.prev : at;
    }
    this.#at = at;
    if (event && this.#missed.push(event) > KEPT) this.#missed.shift();
    this.#sync();
    if (this.#together) this.#enter(detail.state, detail);
  }

  #sync() {
    this.lastEventId ||= (this.#missed[0]?.prev ?? this.#at) || "";
    const last = this.lastEventId;
    const next = this.#missed.findIndex((event) => event.prev === last);
    if (next < 0 && this.#at !== last && !this.#seen.has(this.#at)) return this.#apart();
    const rest = next < 0 ? [] : this.#missed.slice(next);
    this.#missed = [];
    this.#together = true;
    this.#disconnect();
    this.role = "following";
    for (const event of rest) if (this.#together) this.#deliver(event);
  }

  #apart() {
    this.#together = false;
    if (this.#own) return;
    this.role = "alone";
    this.#enter("connecting");
    this.#connect();
  }
}
