import { behavesAsOne } from "./suite.ts";

behavesAsOne(false);
