// It expects a browser's globals.
globalThis.window = globalThis;
globalThis.document = { addEventListener() {}, removeEventListener() {} };
const { fetchEventSource } = (await import('@microsoft/fetch-event-source')).default;
import { ready, report, resetURL, unknown, url } from './report.mjs';

const items = [];
let cuts = 0;
let last;
const control = new AbortController();
await fetchEventSource(url, {
  signal: control.signal,
  openWhenHidden: true,
  // It remembers an ID as soon as it has read the line, which is one byte before
  // it hands out the event. A cut between the two would lose the event.
  fetch: (input, init) => fetch(input, { ...init, headers: last ? { ...init.headers, 'last-event-id': last } : init.headers }),
  onerror() {
    cuts++;
    return 5;
  },
  onclose() {
    throw new Error('the server ended the stream');
  },
  onmessage(message) {
    last = message.id || last;
    if (message.id && !message.event) ready(); // a block with nothing but an id comes as an empty message
    if (message.event === 'tick') items.push({ id: message.id, data: message.data });
    if (message.event === 'end') control.abort();
  },
});
await fetchEventSource(resetURL, {
  headers: { 'last-event-id': unknown['Last-Event-ID'] },
  openWhenHidden: true,
  onmessage(message) {
    if (message.event === 'reset') report({ items, cuts, reset: JSON.parse(message.data).reason });
  },
});
