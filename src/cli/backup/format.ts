/** What a backup is: `manifest.json` first, `end.json` last, between them rows, files and perhaps the key. */
export const backupFormat = 1;

export interface TableShape {
  name: string;
  /** In the order of the rows' fields; types as PostgreSQL writes them. */
  columns: { name: string; type: string }[];
}

export interface BackupManifest {
  format: number;
  /** Version of the Muster that made it. */
  muster: string;
  madeAt: string;
  /** Applied migrations, in order. */
  migrations: string[];
  /** Parents before children. */
  tables: TableShape[];
  /** What encrypts the provider keys: the file in this backup, MUSTER_SECRET_KEY where it was made, or nothing so far. */
  key: "file" | "environment" | "none";
}

export interface BackupEnd {
  rows: Record<string, number>;
  files: number;
  /** Of every byte before this entry, in hex. */
  sha256: string;
}

export const manifestPath = "manifest.json";
export const endPath = "end.json";
export const keyPath = "secret.key";
/** `database/TABLE/NNNNNN.jsonl.gz`: a row a line, each a JSON string that holds PostgreSQL's text of the record. */
export const rowsPath = /^database\/([a-z_]+)\/\d+\.jsonl\.gz$/;
/** `workspaces/EXECUTION/…`, without `.` and `..`. */
export const workspacePath = /^workspaces\/(?!.*(?:^|\/)\.{0,2}(?:\/|$))[^\0]+$/;

/** Settings under which texts of values mean the same on every server. */
export const exactValues = `SET LOCAL "DateStyle" = 'ISO, YMD'; SET LOCAL "TimeZone" = 'UTC'; SET LOCAL "IntervalStyle" = 'postgres';
  SET LOCAL extra_float_digits = 3; SET LOCAL bytea_output = 'hex'; SET LOCAL statement_timeout = 0;
  SET LOCAL idle_in_transaction_session_timeout = 0`;

/** A name inside SQL. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
