import Fastify from "fastify";
import { Pool } from "undici";

/* The floor: Fastify parses the body and hands it on with undici's `dispatch`; no policy at all. */
const [origin = ""] = process.argv.slice(2);
const pool = new Pool(origin, { connections: null });
const app = Fastify({ bodyLimit: 1_048_576, requestTimeout: 60_000 });

app.post<{ Params: { latency: string } }>("/:latency/v1/chat/completions", (request, reply) => {
  reply.hijack();
  const { raw } = reply;
  pool.dispatch(
    {
      path: `/${request.params.latency}/v1/chat/completions`,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request.body),
    },
    {
      onRequestStart() {},
      onResponseStart(_controller, status, headers) {
        const length = headers["content-length"];
        raw.writeHead(status, {
          "content-type": String(headers["content-type"]),
          ...(length === undefined ? {} : { "content-length": String(length) }),
        });
      },
      onResponseData(_controller, data) {
        raw.write(data);
      },
      onResponseEnd() {
        raw.end();
      },
      onResponseError(_controller, error) {
        raw.destroy(error);
      },
    },
  );
});
app.get("/cpu", () => process.cpuUsage());
app.get("/reset", () => "ok");

await app.listen({ port: 0, host: "127.0.0.1" });
process.send?.({ port: (app.server.address() as { port: number }).port });
