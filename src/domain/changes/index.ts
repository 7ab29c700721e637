export { readUserChange, readUserSnapshot } from "./read-user-change.ts";
