import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/*
 * The provider of the gateway's bench: OpenAI's format from prepared bytes, as cheap as Node's HTTP server allows.
 * `/<latency ms>/v1/chat/completions` answers after that time; a stream has 24 content chunks.
 */
const usage = {
  prompt_tokens: 40,
  completion_tokens: 24,
  total_tokens: 64,
  prompt_tokens_details: { cached_tokens: 0 },
};
const head = { id: "chatcmpl-bench", object: "chat.completion.chunk", created: 1_790_000_000, model: "gpt-4o-mini" };
const words = Array.from({ length: 24 }, (_, index) => ` word${index}`);
const json = Buffer.from(
  JSON.stringify({
    ...head,
    object: "chat.completion",
    choices: [{ index: 0, message: { role: "assistant", content: words.join("") }, finish_reason: "stop" }],
    usage,
  }),
);
const chunk = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ ...head, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const opening = Buffer.from(chunk({ role: "assistant", content: "" }) + chunk({ content: words[0] }));
const pieces = words.slice(1).map((content) => Buffer.from(chunk({ content })));
const ending = Buffer.from(
  `${chunk({}, "stop")}data: ${JSON.stringify({ ...head, choices: [], usage })}\n\ndata: [DONE]\n\n`,
);
let answered = 0;

const server = createServer((request, response) => {
  let streamed = false;
  request.on("data", (data: Buffer) => {
    streamed ||= data.includes('"stream":true');
  });
  request.on("end", () => {
    if (request.url === "/count") {
      response.end(String(answered));
      return;
    }
    answered += 1;
    const latencyMs = Number(request.url?.split("/")[1]);
    const answer = streamed ? sendStream : sendJson;
    if (latencyMs > 0) void delay(latencyMs).then(() => answer(response));
    else answer(response);
  });
});

type Response = Parameters<NonNullable<Parameters<typeof createServer>[1]>>[1];

function sendJson(response: Response): void {
  response.writeHead(200, { "content-type": "application/json", "content-length": json.length });
  response.end(json);
}

/** Three pieces a turn of the event loop: a provider's chunks do not come all at once, nor each in a packet of its own. */
function sendStream(response: Response): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(opening);
  let index = 0;
  const next = (): void => {
    if (index >= pieces.length) {
      response.end(ending);
      return;
    }
    response.write(Buffer.concat(pieces.slice(index, index + 3)));
    index += 3;
    setImmediate(next);
  };
  setImmediate(next);
}

server.keepAliveTimeout = 120_000;
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
