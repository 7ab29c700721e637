// What `muster up` does, without the command line (CRASH_LAB_DIRECT=1): for work on the engine alone.
import { readConfig } from "#config";
import { startMuster } from "#main";

const muster = await startMuster(readConfig(process.env));
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    muster.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
}
