import type { ServerResponse } from "node:http";
import { resolveAnswer } from "./answers.ts";
import { chatCompletion } from "./openai-completion.ts";
import type { RecordedRequest, WireFormat } from "./wire-server.ts";

/* Files and batches as at https://platform.openai.com/docs/guides/batch: upload JSONL, create, poll, read the output file. */

interface Batch {
  id: string;
  object: "batch";
  endpoint: string;
  input_file_id: string;
  completion_window: string;
  status: string;
  output_file_id: string | null;
  error_file_id: string | null;
  created_at: number;
  request_counts: { total: number; completed: number; failed: number };
  /** Polls left until it is done; not sent. */
  pollsLeft: number;
}

interface BatchLine {
  custom_id: string;
  body: { model: string; messages: { content: unknown }[] };
}

/** The file part of a multipart body. */
function multipartFile(request: RecordedRequest): string {
  const boundary = /boundary=(?:"([^"]+)"|([^;]+))/.exec(String(request.headers["content-type"]));
  const parts = request.bodyText.split(`--${boundary?.[1] ?? boundary?.[2]}`);
  const file = parts.find((part) => /name="file"/.test(part)) ?? "";
  return file.slice(file.indexOf("\r\n\r\n") + 4).replace(/\r\n$/, "");
}

/** A batch is done at its second poll; a request whose text is "FAIL" fails alone. */
export function createOpenAiBatches(): Pick<WireFormat, "other"> & { handle: WireFormat["other"] } {
  const files = new Map<string, string>();
  const batches = new Map<string, Batch>();
  const send = (response: ServerResponse, value: unknown): true => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(value));
    return true;
  };
  const visible = ({ pollsLeft: _, ...batch }: Batch): unknown => batch;

  async function run(batch: Batch, server: Parameters<WireFormat["other"]>[2]): Promise<void> {
    const lines = (files.get(batch.input_file_id) ?? "").split("\n").filter((line) => line !== "");
    const output: string[] = [];
    const errors: string[] = [];
    for (const [index, text] of lines.entries()) {
      const line = JSON.parse(text) as BatchLine;
      const ended = server.options.batchesEndEarly;
      if (ended !== undefined && line.body.messages.at(-1)?.content === "LATE") {
        const error = { code: `batch_${ended}`, message: `The batch has ${ended}.` };
        errors.push(JSON.stringify({ id: `br_${index}`, custom_id: line.custom_id, response: null, error }));
        continue;
      }
      const fault = server.options.batchFault;
      if (fault !== undefined && line.body.messages.at(-1)?.content === "FAULT") {
        const failed =
          "status" in fault
            ? {
                response: { status_code: fault.status, request_id: "r", body: { error: { message: "Oh" } } },
                error: null,
              }
            : { response: null, error: { ...fault, message: "Oh" } };
        errors.push(JSON.stringify({ id: `br_${index}`, custom_id: line.custom_id, ...failed }));
        continue;
      }
      if (line.body.messages.at(-1)?.content === "FAIL") {
        const error = { message: "This request failed", type: "invalid_request_error", code: null, param: null };
        errors.push(
          JSON.stringify({
            id: `br_${index}`,
            custom_id: line.custom_id,
            response: { status_code: 400, request_id: "r", body: { error } },
            error: null,
          }),
        );
        continue;
      }
      const answer = await resolveAnswer(server.options.script, line.body, index);
      const completion = chatCompletion(line.body, answer, index, server.options);
      const usage = completion.usage as { prompt_tokens: number; completion_tokens: number };
      server.ledger.push({
        requestIndex: index,
        model: line.body.model,
        inputTokens: usage.prompt_tokens,
        cachedTokens: 0,
        cacheWriteTokens: 0,
        outputTokens: usage.completion_tokens,
        outcome: "complete",
        reported: true,
      });
      output.push(
        JSON.stringify({
          id: `br_${index}`,
          custom_id: line.custom_id,
          response: { status_code: 200, request_id: "r", body: completion },
          error: null,
        }),
      );
    }
    // Results come in any order.
    files.set(`out-${batch.id}`, output.reverse().join("\n"));
    batch.output_file_id = `out-${batch.id}`;
    if (errors.length > 0) {
      files.set(`err-${batch.id}`, errors.join("\n"));
      batch.error_file_id = `err-${batch.id}`;
    }
    batch.request_counts = { total: lines.length, completed: output.length, failed: errors.length };
    batch.status = server.options.batchesEndEarly ?? "completed";
  }

  const handle: WireFormat["other"] = async (request, response, server) => {
    const path = request.path.split("?")[0] ?? "";
    if (request.method === "POST" && path === "/v1/files") {
      const id = `file-${files.size + 1}`;
      files.set(id, multipartFile(request));
      return send(response, {
        id,
        object: "file",
        bytes: files.get(id)?.length,
        purpose: "batch",
        filename: "batch.jsonl",
        created_at: 1_790_000_000,
      });
    }
    const content = /^\/v1\/files\/([^/]+)\/content$/.exec(path);
    if (content !== null && files.has(content[1] as string)) {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      response.end(files.get(content[1] as string));
      return true;
    }
    if (request.method === "POST" && path === "/v1/batches") {
      const body = request.body as { input_file_id: string; endpoint: string; completion_window: string };
      const batch: Batch = {
        ...body,
        id: `batch_${batches.size + 1}`,
        object: "batch",
        status: "in_progress",
        output_file_id: null,
        error_file_id: null,
        created_at: 1_790_000_000,
        request_counts: { total: 0, completed: 0, failed: 0 },
        pollsLeft: 1,
      };
      batches.set(batch.id, batch);
      if (server.options.batchAnswerLost !== undefined) {
        if (server.options.batchAnswerLost === "cut off") response.destroy();
        return true;
      }
      return send(response, visible(batch));
    }
    if (request.method === "GET" && path === "/v1/batches") {
      return send(response, { object: "list", data: [...batches.values()].reverse().map(visible), has_more: false });
    }
    const one = /^\/v1\/batches\/([^/]+)(\/cancel)?$/.exec(path);
    const batch = batches.get(one?.[1] ?? "");
    if (one === null || batch === undefined) return false;
    if (one[2] !== undefined) {
      // What was done until then has its results.
      if (server.options.batchDoneWhenCancelled === true) await run(batch, server);
      batch.status = "cancelled";
    } else if (server.options.batchesNeverEnd === true) batch.pollsLeft = 1;
    else if (batch.status === "in_progress" && batch.pollsLeft <= 0) await run(batch, server);
    batch.pollsLeft -= 1;
    return send(response, visible(batch));
  };
  return { handle, other: handle };
}
