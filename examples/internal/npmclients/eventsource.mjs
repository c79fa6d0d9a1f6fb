import { EventSource } from 'eventsource';
import { ready, report, resetURL, unknown, url } from './report.mjs';

const items = [];
let cuts = 0;
const source = new EventSource(url);
source.onerror = () => cuts++;
source.addEventListener('position', ready);
source.addEventListener('tick', (e) => items.push({ id: e.lastEventId, data: e.data }));
source.addEventListener('end', () => {
  source.close();
  const lost = new EventSource(resetURL, {
    fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...unknown } }),
  });
  lost.addEventListener('reset', (e) => report({ items, cuts, reset: JSON.parse(e.data).reason }));
});
