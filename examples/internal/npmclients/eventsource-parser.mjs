import { createParser } from 'eventsource-parser';
import { pause, ready, report, resetURL, unknown, url } from './report.mjs';

// read calls onEvent for each event of one response.
async function read(from, headers, onEvent) {
  const parser = createParser({ onEvent });
  const decoder = new TextDecoder();
  const response = await fetch(from, { headers });
  for await (const bytes of response.body) parser.feed(decoder.decode(bytes, { stream: true }));
}

const items = [];
let cuts = 0;
let last;
for (let ended = false; !ended; ) {
  try {
    await read(url, last ? { 'Last-Event-ID': last } : {}, (event) => {
      last = event.id ?? last;
      if (event.event === 'position') ready();
      if (event.event === 'tick') items.push({ id: event.id, data: event.data });
      if (event.event === 'end') {
        ended = true;
        throw new Error('enough');
      }
    });
  } catch {} // Node's fetch takes a cut for an end where the response says Connection: close
  if (!ended) cuts++;
  await pause();
}
await read(resetURL, unknown, (event) => {
  if (event.event === 'reset') report({ items, cuts, reset: JSON.parse(event.data).reason });
});
