// A provider for benches: OpenAI's chat completions, streamed, 200 tokens an answer in 25 chunks. A request with a JSON schema is
// answered with a plan of three steps. Counts its calls.
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const delayMs = Number(process.argv[2] ?? 0);
const chunks = Number(process.argv[3] ?? 25);
const tokensPerChunk = Number(process.argv[4] ?? 8);
const owners = ["Ada", "Ben", "Cem"];
const plan = JSON.stringify({
  steps: owners.map((owner, index) => ({
    key: `part-${index + 1}`,
    title: `Part ${index + 1}`,
    owner,
    dependsOn: [],
    doneCriterion: "It is there.",
  })),
});
const words = " pool".repeat(tokensPerChunk);
const usage = {
  prompt_tokens: 400,
  completion_tokens: chunks * tokensPerChunk,
  total_tokens: 400 + chunks * tokensPerChunk,
};
const chunk = (delta: object, finish: string | null) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "bench", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const tail = `${chunk({}, "stop")}data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "bench", choices: [], usage })}\n\ndata: [DONE]\n\n`;
const textParts = Array.from({ length: chunks }, () => chunk({ content: words }, null));
const planParts = [chunk({ content: plan }, null)];
let calls = 0;
let callsUnderWay = 0;

function answer(response: ServerResponse, body: string): void {
  const parts = body.includes('"json_schema"') ? planParts : textParts;
  callsUnderWay++;
  response.once("close", () => callsUnderWay--);
  response.writeHead(200, { "content-type": "text/event-stream" });
  if (delayMs === 0) {
    for (const part of parts) response.write(part);
    response.end(tail);
    return;
  }
  // The time is spread over the chunks, as a model writes.
  let sent = 0;
  const timer = setInterval(() => {
    const due = Math.ceil(parts.length / 5);
    for (const part of parts.slice(sent, sent + due)) response.write(part);
    sent += due;
    if (sent < parts.length) return;
    clearInterval(timer);
    response.end(tail);
  }, delayMs / Math.min(5, parts.length));
  response.once("close", () => clearInterval(timer));
}

const server = createServer((request, response) => {
  if (request.method === "GET") {
    response
      .writeHead(200, { "content-type": "application/json" })
      .end('{"object":"list","data":[{"id":"bench","object":"model"}]}');
    return;
  }
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    calls++;
    answer(response, Buffer.concat(parts).toString());
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on("message", () => process.send?.({ calls, underWay: callsUnderWay }));
process.once("disconnect", () => process.exit());
