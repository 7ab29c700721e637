import { behavesAsOne } from "./suite.ts";

behavesAsOne(true);
