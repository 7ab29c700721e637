import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { type Config, readCommandEnvironment } from "#config";
import { backupCommand, restoreCommand } from "./commands/backup.ts";
import { benchCommand } from "./commands/bench.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { executionCommand } from "./commands/execution.ts";
import { migrateCommand } from "./commands/migrate.ts";
import { runCommand } from "./commands/run.ts";
import { seedCommand } from "./commands/seed.ts";
import { tokenCommand } from "./commands/token.ts";
import { upCommand } from "./commands/up.ts";
import { exitCodes } from "./exit.ts";
import { explainError } from "./explain-error.ts";

/** What the commands share: the configuration once it is read (for clear errors) and the code to exit with. */
export interface CommandContext {
  config: Config | null;
  exitCode: number;
}

/** In the order of the help. */
const commands = [
  upCommand,
  runCommand,
  executionCommand,
  migrateCommand,
  seedCommand,
  doctorCommand,
  tokenCommand,
  backupCommand,
  restoreCommand,
  benchCommand,
];

const examples = `
Examples:
  $ muster up                                   start the API, the UI and the workers
  $ muster run "Summarise this" --file plan.md  do one task here, without a server
  $ muster doctor                               what is configured, reachable, unsafe or too small
  $ muster COMMAND --help                       options and examples of a command

Configuration is read from the environment and from .env in this folder: see .env.example.`;

/** From package.json, without loading the rest of Muster for it. */
function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/** The whole command line. Errors of usage and the wish for help are thrown as CommanderError. */
export function createProgram(context: CommandContext): Command {
  const program = new Command("muster")
    .description("Squads of AI agents on your own machine: they plan, work, review and deliver.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .addHelpText("after", examples)
    .showSuggestionAfterError()
    .exitOverride();
  for (const command of commands) program.addCommand(inherit(command(context), program));
  return program;
}

/** Sub-commands made on their own take over how the program reports errors. */
function inherit(command: Command, program: Command): Command {
  command.copyInheritedSettings(program);
  for (const one of command.commands) inherit(one, command);
  return command;
}

/** Runs what was typed and resolves with the code for the shell; reports errors in a line, with a stack only to debug. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const context: CommandContext = { config: null, exitCode: exitCodes.done };
  // A reader that went away (`| head`) stops the output, not the work.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  const program = createProgram(context);
  try {
    if (args.length === 0) {
      program.outputHelp({ error: true });
      return exitCodes.usage;
    }
    await program.parseAsync([...args], { from: "user" });
    return context.exitCode;
  } catch (error) {
    // Commander has said already what is wrong.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    const { message, exitCode } = explainError(error, context.config);
    for (const line of message.split("\n")) process.stderr.write(`muster: ${line}\n`);
    if (["debug", "trace"].includes(readCommandEnvironment().logLevel ?? "") && error instanceof Error)
      console.error(error);
    return exitCode;
  }
}
