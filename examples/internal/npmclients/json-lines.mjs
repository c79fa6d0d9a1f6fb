// No package: what a page does with fetch.
import { pause, ready, report, resetURL, unknown, url } from './report.mjs';

async function* lines(from, headers) {
  const response = await fetch(from, { headers: { Accept: 'application/x-ndjson', ...headers } });
  let rest = '';
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const all = (rest + text).split('\n');
    rest = all.pop();
    for (const line of all) if (line) yield JSON.parse(line); // an empty line is a heartbeat
  }
}

const items = [];
let cuts = 0;
let last;
for (let ended = false; !ended; ) {
  try {
    for await (const item of lines(url, last ? { 'Last-Event-ID': last } : {})) {
      last = item.id ?? last;
      ready();
      if (item.event === 'tick') items.push({ id: item.id, data: item.data });
      if ((ended = item.event === 'end')) break;
    }
  } catch {} // Node's fetch takes a cut for an end where the response says Connection: close
  if (!ended) cuts++;
  await pause();
}
for await (const item of lines(resetURL, unknown)) {
  if (item.event === 'reset') report({ items, cuts, reset: item.data.reason });
}
