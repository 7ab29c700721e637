// Preloaded into every test file: one that does not end (a handle left open, a promise that never settles) fails with
// what it waits for, instead of holding up the run; one that ends late says so. Unreferenced, it keeps nobody alive itself.
import { after } from "node:test";

const limitMs = Number(process.env.TEST_FILE_LIMIT_MS);
const open = () => [...new Set(process.getActiveResourcesInfo())].join(", ");
setTimeout(() => {
  console.error(`${process.argv[1]}: still running after ${limitMs / 1000} s; open: ${open()}`);
  process.exit(1);
}, limitMs).unref();

/** What closes after the last test may take this long; a timer that nobody cleared takes as long as it was set to. */
const lateMs = 5_000;
after(() => {
  const endedMs = performance.now();
  let seen = "";
  setTimeout(() => {
    seen = open();
  }, lateMs).unref();
  process.once("exit", () => {
    const lateSeconds = Math.round((performance.now() - endedMs) / 1000);
    if (seen !== "") console.error(`${process.argv[1]}: ended ${lateSeconds} s after its last test; open: ${seen}`);
  });
});
