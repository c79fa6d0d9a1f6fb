import { HttpAgent } from '@ag-ui/client';
import { pause, ready, report, resetURL, unknown, url } from './report.mjs';

ready();
// It does not resume: after a cut, the run is read again from its beginning. It
// goes on until it was cut.
let cuts = 0;
let text;
console.error = () => {}; // it logs each cut
process.on('unhandledRejection', () => {}); // and leaves a promise to it
while (text === undefined || cuts === 0) {
  let finished = false;
  const agent = new HttpAgent({ url, threadId: 'thread' });
  try {
    // Node's fetch takes a cut for an end where the response says Connection:
    // close, so the event that ends a run must have come.
    await agent.runAgent({ runId: 'run' }, {
      onRunFinishedEvent() {
        finished = true;
        text = agent.messages.at(-1).content;
      },
    });
  } catch {} // it was cut
  if (!finished) cuts++;
  await pause();
}
const lost = new HttpAgent({ url: resetURL, headers: unknown, threadId: 'thread' });
await lost.runAgent({ runId: 'run' }, {
  onRunErrorEvent({ event }) {
    report({ text, cuts, reset: `${event.type} ${event.message}` });
  },
});
