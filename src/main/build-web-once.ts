import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { acquireFolderLock } from "#db";

/** Ten times what the build takes on a small machine. */
const waitTimeoutMs = 900_000;

/** Stands from the beginning of a build to its end: what a killed one left in `out` is not the UI. */
const unfinished = (folder: string) => join(folder, ".build-unfinished");

/** True when the folder's `out` holds a whole build. */
export function isWebBuilt(folder: string): boolean {
  return existsSync(join(folder, "out/index.html")) && !existsSync(unfinished(folder));
}

export interface WebBuild {
  /** Resolves to false when it fails. */
  build: () => Promise<boolean>;
  onBuild?: () => void;
  onWait?: () => void;
}

/**
 * Builds the web UI in `folder` unless it is built. Of processes that come at the same time one builds and the others wait for its
 * end; when it is killed or fails, one of them builds. False when the build failed.
 * @throws when another process has been building for 15 minutes.
 */
export async function buildWebOnce(folder: string, { build, onBuild, onWait }: WebBuild): Promise<boolean> {
  if (isWebBuilt(folder)) return true;
  const lock = join(folder, ".build.lock");
  if (existsSync(lock)) onWait?.();
  const release = await acquireFolderLock(lock, waitTimeoutMs);
  try {
    if (isWebBuilt(folder)) return true;
    onBuild?.();
    writeFileSync(unfinished(folder), "");
    if (!(await build())) return false;
    rmSync(unfinished(folder), { force: true });
    return true;
  } finally {
    release();
  }
}
