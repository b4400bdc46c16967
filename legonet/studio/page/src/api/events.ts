/** A run's events: server-sent, read by fetch, since an EventSource cannot send the token. */

import { ask } from "./client";

/** Calls `heard` with each event until the stream ends for good; a stream that breaks off is taken up again. */
export async function follow(path: string, heard: (data: unknown) => void, signal: AbortSignal): Promise<void> {
  let last = "";
  for (let failures = 0; !signal.aborted && failures < 20; ) {
    try {
      const answer = await ask(path, { signal, headers: last ? { "Last-Event-ID": last } : {} });
      failures = 0;
      for await (const event of parsed(answer)) {
        if (event.id) last = event.id;
        heard(JSON.parse(event.data));
      }
      return;
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      if (failures === 20) throw error;
      await new Promise((go) => setTimeout(go, Math.min(5000, 250 * 2 ** failures)));
    }
  }
}

async function* parsed(answer: Response): AsyncGenerator<{ id: string; data: string }> {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = { id: "", data: "" };
      for (const line of block.split("\n")) {
        if (line.startsWith("id:")) event.id = line.slice(3).trim();
        if (line.startsWith("data:")) event.data += line.slice(5).trim();
      }
      if (event.data) yield event;
    }
  }
}
