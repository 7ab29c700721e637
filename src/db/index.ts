export { acquireFolderLock } from "./embedded/folder-lock.ts";
export {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from "./embedded/start-embedded-postgres.ts";
export { uuidv7 } from "./ids.ts";
export { createNotifier, type Listener, type Notifier, openListener } from "./listen.ts";
export type { DatabaseMetrics, SlowQuery } from "./measured-pool.ts";
export { type MigrationResult, migrate } from "./migrate.ts";
export {
  CommitUnknownError,
  type Database,
  type DatabaseOptions,
  openDatabase,
  type PoolState,
  type Queryable,
  type Transaction,
} from "./open-database.ts";
export {
  type CursorPage,
  cursorPage,
  decodeCursor,
  encodeCursor,
  idBeside,
  likeAnywhere,
  type OffsetPage,
  offsetOf,
  offsetPage,
} from "./page.ts";
export { type SeedOptions, type SeedResult, seed } from "./seed/seed.ts";
export { type SeededKind, seedId } from "./seed/seed-id.ts";
