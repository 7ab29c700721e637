import { argumentPieces, pieces, type ScriptedAnswer } from "./answers.ts";
import { jsonPieces, spelt } from "./json-pieces.ts";
import { callId, usageOf } from "./openai-completion.ts";
import {
  type PreparedAnswer,
  type StreamPiece,
  startWireServer,
  type WireFormat,
  type WireServer,
  type WireServerOptions,
} from "./wire-server.ts";

/*
 * A local server of OpenAI's responses, as documented at https://platform.openai.com/docs/api-reference/responses (events
 * and their order as the real API sends them).
 */

interface ResponsesBody {
  model?: string;
  input?: unknown[];
  stream?: boolean;
  max_output_tokens?: number;
}

function outputOf(answer: ScriptedAnswer): object[] {
  const output: object[] = [];
  if (answer.reasoning !== undefined) {
    output.push({ type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: answer.reasoning }] });
  }
  if (answer.text !== undefined) {
    const content = [{ type: "output_text", text: answer.text, annotations: [], logprobs: [] }];
    output.push({ type: "message", id: "msg_1", status: "completed", role: "assistant", content });
  }
  for (const [index, call] of (answer.toolCalls ?? []).entries()) {
    output.push({
      type: "function_call",
      id: `fc_${index}`,
      status: "completed",
      call_id: callId(index, answer),
      name: call.name,
      arguments: call.arguments,
    });
  }
  return output;
}

/** The answer's tokens in the order in which a body has them. */
function spokenIn(answer: ScriptedAnswer): string[][] {
  const texts = [pieces(answer.reasoning ?? ""), pieces(answer.text ?? "")];
  for (const call of answer.toolCalls ?? []) texts.push([call.name], argumentPieces(call.arguments));
  return texts.map(spelt);
}

function streamOf(whole: { output: object[] }, answer: ScriptedAnswer): { pieces: StreamPiece[]; terminal: string } {
  let sequence = 0;
  const event = (type: string, fields: object): string => {
    sequence += 1;
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence - 1, ...fields })}\n\n`;
  };
  const parts: StreamPiece[] = [];
  const push = (type: string, fields: object, tokens: number): void => {
    parts.push({ bytes: event(type, fields), tokens });
  };
  push("response.created", { response: { ...whole, status: "in_progress", output: [], usage: null } }, 0);
  for (const [place, item] of whole.output.entries()) {
    const { type } = item as { type: string };
    const at = { output_index: place, item_id: (item as { id: string }).id };
    const added = type === "function_call" ? { arguments: "", status: "in_progress" } : { content: [], summary: [] };
    push(
      "response.output_item.added",
      { output_index: place, item: { ...item, ...added } },
      type === "function_call" ? 1 : 0,
    );
    if (type === "reasoning") {
      for (const delta of pieces(answer.reasoning ?? "")) {
        push("response.reasoning_summary_text.delta", { ...at, summary_index: 0, delta }, 1);
      }
    } else if (type === "message") {
      for (const delta of pieces(answer.text ?? "")) {
        push("response.output_text.delta", { ...at, content_index: 0, delta, logprobs: [] }, 1);
      }
    } else {
      for (const delta of argumentPieces((item as { arguments: string }).arguments)) {
        push("response.function_call_arguments.delta", { ...at, delta }, 1);
      }
    }
    push("response.output_item.done", { output_index: place, item }, 0);
  }
  return { pieces: parts, terminal: event("response.completed", { response: whole }) };
}

function createFormat(): WireFormat {
  return {
    answerPath: "/v1/responses",
    prepare(rawBody, answer, requestIndex, options, noUsage): PreparedAnswer {
      const body = rawBody as ResponsesBody;
      const model = answer.model ?? String(body.model);
      const usage = usageOf(answer, { messages: body.input ?? [], model }, options);
      const whole = {
        id: `resp_${requestIndex}`,
        object: "response",
        created_at: 1_790_000_000,
        status: "completed",
        error: null,
        incomplete_details: null,
        model,
        output: outputOf(answer),
        usage: noUsage
          ? null
          : {
              input_tokens: usage.prompt_tokens,
              input_tokens_details: { cached_tokens: usage.prompt_tokens_details.cached_tokens },
              output_tokens: usage.completion_tokens,
              output_tokens_details: { reasoning_tokens: usage.completion_tokens_details.reasoning_tokens },
              total_tokens: usage.total_tokens,
            },
      };
      return {
        stream: body.stream === true ? streamOf(whole, answer) : null,
        json: jsonPieces(JSON.stringify(whole), spokenIn(answer), whole.usage ?? undefined),
        bill: {
          model,
          inputTokens: usage.prompt_tokens,
          cachedTokens: usage.prompt_tokens_details.cached_tokens,
          cacheWriteTokens: 0,
          outputTokens: usage.completion_tokens,
        },
      };
    },
    refuse(request, options) {
      if (options.apiKey !== undefined && request.headers.authorization !== `Bearer ${options.apiKey}`) {
        return {
          status: 401,
          type: "invalid_request_error",
          code: "invalid_api_key",
          message: "Incorrect API key provided",
        };
      }
      const body = request.body as ResponsesBody;
      const bad = (message: string) => ({ status: 400, type: "invalid_request_error", message });
      if (typeof body !== "object" || !Array.isArray(body.input) || body.input.length === 0) {
        return bad("Missing required parameter: 'input'.");
      }
      if ((body.max_output_tokens ?? 16) < 16) return bad("Invalid 'max_output_tokens': integer below minimum value.");
      return null;
    },
    error: (_status, type, code, message) =>
      JSON.stringify({ error: { message, type: type ?? "server_error", param: null, code: code ?? null } }),
    errorEvent: (type, message) =>
      `event: error\ndata: ${JSON.stringify({ type: "error", sequence_number: 9, code: type, message, param: null })}\n\n`,
    other: async () => false,
  };
}

/** Starts the server; `url` ends in `/v1`. */
export function startResponsesServer(options: WireServerOptions = {}): Promise<WireServer> {
  return startWireServer(createFormat(), options, "/v1");
}
