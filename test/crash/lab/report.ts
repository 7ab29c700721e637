/** What all rounds of one scenario came to. */
export interface ScenarioReport {
  scenario: string;
  rounds: number;
  /** The first seed; the others follow it. */
  first: number;
  violations: { seed: number; violations: string[] }[];
  recoveriesMs: number[];
  counts: Record<string, number>;
  timesMs: Record<string, number[]>;
}
export function writeReport(_r: ScenarioReport[]): void {}
