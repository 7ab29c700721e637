// What `muster up` does, for as long as it is to be started without the command line.
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
