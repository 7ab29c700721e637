import { type DestinationStream, type Logger, pino, stdSerializers } from "pino";
import type { CallContext } from "./call-context.ts";

export type { Logger };

export interface LoggerOptions {
  /** The least severe level that is written. */
  level: string;
  /** Request and execution ids of the surrounding call go into every line. */
  context?: CallContext | undefined;
  /** Stays in every line, for example `{role: "worker"}`. */
  bindings?: Record<string, string> | undefined;
  /** Standard output when absent. */
  destination?: DestinationStream | undefined;
}

const hidden = "[hidden]";
const secretName =
  /^(authorization|proxy-authorization|cookie|set-cookie|x-api-key|password|.*passwd|.*secret.*|.*api[-_]?key|keys?|.*token|claim[-_]?code|.*encrypted.*)$/i;
/** Counts and times whose names end like a secret's. */
const harmless = /^(max|input|output|.*per)[-_]?tokens?$/i;
/** Keys of Muster and of the usual providers, bearer tokens and passwords inside URLs, wherever they stand in a line. */
const secretText =
  /(\bmst_|\bsk-(?:ant-|proj-)?|\bAIza)[\w-]{8,}|(Bearer )[\w.~+/=-]{8,}|(\/\/[^\s:/@"\\]{0,100}:)[^\s@/"\\]{1,200}(?=@)/gi;
const maxDepth = 6;

/** A copy without the values of fields that are named like secrets; what is not plain data stays as it is. */
function withoutSecrets(value: unknown, depth = 0): unknown {
  if (typeof value !== "object" || value === null || depth > maxDepth) return value;
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      secretName.test(name) && !harmless.test(name) ? hidden : withoutSecrets(field, depth + 1),
    ]),
  );
}

/**
 * Structured logs (one JSON object per line). Fields named like secrets and texts that look like keys are hidden: by
 * name at any depth, and once more in the finished line, since a provider's error message may repeat the key.
 */
export function createLogger(options: LoggerOptions): Logger {
  const { context } = options;
  return pino(
    {
      level: options.level,
      base: options.bindings ?? null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      mixin: () => {
        const { requestId, executionId, route } = context?.get() ?? {};
        return {
          ...(requestId === undefined ? {} : { requestId }),
          ...(route === undefined ? {} : { route }),
          ...(executionId === undefined ? {} : { executionId }),
        };
      },
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => withoutSecrets(fields) as Record<string, unknown>,
        bindings: (fields) => withoutSecrets(fields) as Record<string, unknown>,
      },
      serializers: {
        err: (error: unknown) => (error instanceof Error ? withoutSecrets(stdSerializers.errWithCause(error)) : error),
      },
      hooks: { streamWrite: (line) => line.replace(secretText, `$1$2$3${hidden}`) },
    },
    options.destination ?? pino.destination({ sync: false }),
  );
}
