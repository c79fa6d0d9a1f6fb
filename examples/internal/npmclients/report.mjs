// What the scripts have in common: each runs as `node script.mjs URL RESET`, reads
// the stream at URL through cuts, and the one at RESET, which begins with a gap,
// and prints lines of JSON.

export const [, , url, resetURL] = process.argv;

/** An ID that the server does not know. */
export const unknown = { 'Last-Event-ID': 'nobody knows' };

/** Tells the test that events may be published now. */
let told = false;
export function ready() {
  if (!told) {
    told = true;
    console.log(JSON.stringify({ ready: true }));
  }
}

/** Prints what was read, and ends the process. */
export function report(result) {
  console.log(JSON.stringify(result));
  process.exit(0);
}

/** Resolves after a few milliseconds, so that a refused connection is no busy loop. */
export const pause = () => new Promise((resolve) => setTimeout(resolve, 5));
