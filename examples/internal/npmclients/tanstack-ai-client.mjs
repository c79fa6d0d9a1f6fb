import { DurableStreamIncompleteError, fetchServerSentEvents } from '@tanstack/ai-client';
import { pause, ready, report, resetURL, unknown, url } from './report.mjs';

ready();
const context = { threadId: 'thread', runId: 'run' };
let text = '';
let cuts = 0;
let last; // what the client has sent
const connection = (headers) =>
  fetchServerSentEvents(url, {
    headers,
    fetchClient(input, init) {
      cuts++;
      last = init.headers['Last-Event-ID'] ?? last;
      return fetch(input, init);
    },
    reconnect: { delayMs: 5, maxAttempts: 1000 },
  });
for (let ended = false; !ended; ) {
  try {
    for await (const chunk of connection(last ? { 'Last-Event-ID': last } : {}).connect([], {}, undefined, context)) {
      if (chunk.type === 'TEXT_MESSAGE_CONTENT') text += chunk.delta;
      if ((ended = chunk.type === 'RUN_FINISHED')) break;
    }
  } catch (error) {
    // It resumes by itself, but not before a first event with an ID, nor after a
    // response without a new event that seems to have ended in order: Node's fetch
    // takes a cut for an end where the response says Connection: close.
    if (last ? !(error instanceof DurableStreamIncompleteError) : text) throw error;
    await pause();
  }
}
const lost = fetchServerSentEvents(resetURL, { headers: unknown });
for await (const chunk of lost.connect([], {}, undefined, context)) {
  report({ text, cuts: cuts - 1, reset: `${chunk.type} ${chunk.message}` });
}
