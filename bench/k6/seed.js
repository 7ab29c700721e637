// The load test of the seed document: 2 min to 100 users, 5 min, 2 min to 200, 5 min, 2 min down; each lists squads once a second.
import { optionsOf, play, readProfile } from "./play.js";

const profile = readProfile("seed");

export const options = optionsOf(profile);

export default function () {
  play(profile);
}
