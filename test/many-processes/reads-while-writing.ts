import fc from "fast-check";

/** One thing that is done: a write at a process, or reads there; the next begins at once or when this was answered. */
export interface Step {
  kind: "write" | "squad" | "list";
  api: 0 | 1;
  wait: boolean;
}

type Ask = (
  api: number,
  method: string,
  path: string,
  body?: unknown,
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
) => Promise<{ status: number; body: any }>;

let lastVersion = 0;

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("write", "squad", "list", "squad", "list"),
  api: fc.constantFrom(0, 1),
  wait: fc.boolean(),
});

/**
 * Plays the steps and returns what was wrong. Writes follow each other, each with a higher number; reads run beside them. A read that
 * began after a write was answered shows this write or a later one, at either process; so there is no time in which it may be old.
 */
async function play(steps: readonly Step[], ask: Ask, squadId: string): Promise<string[]> {
  const path = `/api/v1/squads/${squadId}`;
  const wrong: string[] = [];
  const underWay: Promise<void>[] = [];
  let answered = 0;
  let writes = Promise.resolve();

  const write = async (api: number): Promise<void> => {
    const version = ++lastVersion;
    const { status } = await ask(api, "PATCH", path, { goal: `Version ${version}` });
    if (status === 200) answered = version;
    else wrong.push(`write ${version} at ${api}: ${status}`);
  };
  const read = async ({ api, kind }: Step): Promise<void> => {
    const least = answered;
    const isList = kind === "list";
    const { status, body } = await ask(api, "GET", isList ? "/api/v1/squads?page=1&pageSize=20" : path);
    const squad = isList ? body.data.find(({ id }: { id: string }) => id === squadId) : body.squad;
    const shown = Number(/^Version (\d+)$/.exec(squad?.goal ?? "")?.[1] ?? 0);
    if (status !== 200 || shown < least) wrong.push(`${kind} at ${api}: ${status}, ${shown} shown, ${least} answered`);
  };

  // The first write makes the numbers begin.
  await write(0);
  for (const one of steps) {
    const done = one.kind === "write" ? writes.then(() => write(one.api)) : read(one);
    if (one.kind === "write") writes = done;
    underWay.push(done);
    if (one.wait) await done;
  }
  await Promise.all(underWay);
  return wrong;
}

/** Writes and reads of one caller at two processes, in orders that fast-check chooses. */
export const readsWhileWriting = { step, play };
