// Preloaded into every test file: one that does not end (a handle left open, a promise that never settles) fails with
// what it waits for, instead of holding up the run. Unreferenced, it keeps nobody alive itself.
const limitMs = Number(process.env.TEST_FILE_LIMIT_MS);
setTimeout(() => {
  const open = [...new Set(process.getActiveResourcesInfo())].join(", ");
  console.error(`${process.argv[1]}: still running after ${limitMs / 1000} s; open: ${open}`);
  process.exit(1);
}, limitMs).unref();
