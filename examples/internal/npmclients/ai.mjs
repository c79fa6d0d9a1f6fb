import { DefaultChatTransport, readUIMessageStream } from 'ai';
import { pause, ready, report, resetURL, unknown, url } from './report.mjs';

ready();
const transport = new DefaultChatTransport({ api: url });
const send = () => transport.sendMessages({ chatId: 'chat', messages: [], trigger: 'submit-message' });
const resume = () => transport.reconnectToStream({ chatId: 'chat' });

// read returns the text of a message. Node's fetch takes a cut for an end where
// the response says Connection: close, so the chunk that ends it must have come.
async function read(chunks) {
  let text = '';
  let finished = false;
  const stream = chunks.pipeThrough(
    new TransformStream({
      transform(chunk, controller) {
        finished ||= chunk.type === 'finish';
        controller.enqueue(chunk);
      },
    }),
  );
  for await (const message of readUIMessageStream({ stream, onError() {} })) {
    text = message.parts.map((part) => part.text ?? '').join('');
  }
  if (!finished) throw new Error('cut');
  return text;
}

// After a cut it reads the stream again from its beginning: that is how this
// client resumes. It goes on until it was cut.
let cuts = 0;
let text;
for (let open = send; text === undefined || cuts === 0; open = resume) {
  try {
    text = await read(await open());
  } catch {
    cuts++;
    await pause();
  }
}
const lost = new DefaultChatTransport({ api: resetURL, headers: unknown });
for await (const chunk of await lost.reconnectToStream({ chatId: 'chat' })) {
  report({ text, cuts, reset: `${chunk.type} ${chunk.errorText}` });
}
