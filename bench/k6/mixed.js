// The seed's stages with what users do: list, open, page messages, create a task, start an execution on the offline model
// and follow its stream. Thresholds: p95 < 50 ms, p99 < 100 ms, no errors.
import { optionsOf, play, readProfile } from "./play.js";

const profile = readProfile("mixed");

export const options = optionsOf(profile);

export default function () {
  play(profile);
}
