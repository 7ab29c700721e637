import { Command } from "commander";
import { loadConfig } from "#config";
import { formatBytes, plural } from "../format.ts";
import type { CommandContext } from "../program.ts";

const backupExamples = `
Examples:
  $ muster backup muster-2026-11-23.tar
  $ MUSTER_DATA_DIR=/srv/muster muster backup /backups/muster.tar --force

Muster may go on working meanwhile: all rows are of one moment, files of that moment or later. The archive appears under
its name when it is complete. It holds the key that opens stored provider keys: keep it like a password.`;

const keyAdvice = {
  file: "It holds the key file that opens stored provider keys: keep it like a password",
  environment:
    "Keep MUSTER_SECRET_KEY with your other secrets: stored provider keys need it, and the archive does not hold it",
};

/** `muster backup FILE`. */
export function backupCommand(context: CommandContext): Command {
  return new Command("backup")
    .description("write database, workspaces and key file into one archive, also while Muster runs")
    .argument("<file>", "the archive to write (tar)")
    .option("--force", "replace the file if it is there")
    .addHelpText("after", backupExamples)
    .action(async (file: string, options: { force?: boolean }) => {
      const config = loadConfig();
      context.config = config;
      const startedMs = performance.now();
      const { writeBackup } = await import("../backup/write-backup.ts");
      const result = await writeBackup(config, file, options.force === true);
      const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
      process.stdout.write(
        `${file}: ${plural(result.rows, "row")} of ${plural(result.tables, "table")}, ${plural(result.files, "file")}, ${formatBytes(result.bytes)}, ${seconds} s\n`,
      );
      if (result.key !== "none") process.stdout.write(`${keyAdvice[result.key]}\n`);
    });
}

const restoreExamples = `
Examples:
  $ muster restore muster-2026-11-23.tar
  $ MUSTER_DATA_DIR=/tmp/try muster restore muster.tar   try a backup beside the running installation
  $ muster restore muster.tar --force                    throw away what is here and take the backup

The archive is checked from end to end before anything is touched. A backup of an older Muster is brought up to date.
Executions that were running are taken up by the next worker that starts: cancel them first if that is not wanted.`;

/** `muster restore FILE`. */
export function restoreCommand(context: CommandContext): Command {
  return new Command("restore")
    .description("put a backup into an empty installation")
    .argument("<file>", "an archive that muster backup wrote")
    .option("--force", "replace what is there: database, workspaces and key file")
    .addHelpText("after", restoreExamples)
    .action(async (file: string, options: { force?: boolean }) => {
      const config = loadConfig();
      context.config = config;
      const { restoreBackup } = await import("../backup/restore-backup.ts");
      const { manifest, rows, files, warnings } = await restoreBackup(config, file, options.force === true);
      process.stdout.write(
        `Restored the backup of ${manifest.madeAt} (Muster ${manifest.muster}): ${plural(rows, "row")}, ${plural(files, "file")}\n`,
      );
      for (const warning of warnings) process.stderr.write(`muster: ${warning}\n`);
    });
}
