import { Command } from "commander";
import { loadConfig } from "#config";
import type { Muster } from "#main";
import { CommandError, exitCodes } from "../exit.ts";
import type { CommandContext } from "../program.ts";

const examples = `
Examples:
  $ muster up                                     everything on http://127.0.0.1:3000
  $ PORT=8080 HOST=0.0.0.0 muster up              for the network (put TLS in front of it)
  $ DATABASE_URL=postgres://… muster up           on a PostgreSQL of your own
  $ MUSTER_ROLE=worker muster up                  only works executions
  $ MUSTER_ROLE=api MUSTER_PROCESSES=4 muster up  the API on four processes

Ctrl-C (or SIGTERM) stops it in order: running executions are handed over and go on with the next start.
A second one stops it at once; nothing that was shown is lost then either.`;

/** `muster up`: the server, until a signal stops it. */
export function upCommand(context: CommandContext): Command {
  return new Command("up")
    .description("start the server: API, UI and workers (which of them says MUSTER_ROLE)")
    .addHelpText("after", examples)
    .action(async () => {
      // Before anything is opened, so that a signal during the start stops it in order too.
      const signalled = waitForSignal();
      const config = loadConfig();
      context.config = config;
      const { buildWebIfMissing, startMuster } = await import("#main");
      if (config.role !== "worker" && !(await buildWebIfMissing())) {
        throw new CommandError(
          "the web UI could not be built: run `npm run build` to see why, or start with MUSTER_ROLE=worker",
        );
      }
      const muster = await startMuster(config);
      announce(muster);
      await signalled;
      await muster.stop();
    });
}

function announce(muster: Muster): void {
  process.stdout.write(
    muster.url === null
      ? "Muster works executions; it has no address of its own\n"
      : `Muster listens on ${muster.url}\n`,
  );
  if (muster.claimUrl !== null) {
    process.stdout.write(`First run: make the owner's account at ${muster.claimUrl}\n`);
  }
}

/** Resolves with the first SIGINT or SIGTERM; the second ends the process at once. */
function waitForSignal(): Promise<void> {
  return new Promise((resolve) => {
    let seen = false;
    const onSignal = (signal: NodeJS.Signals) => {
      if (seen) process.exit(signal === "SIGINT" ? exitCodes.cancelled : exitCodes.terminated);
      seen = true;
      resolve();
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}
