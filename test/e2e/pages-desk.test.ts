import { desk } from "./support/people.ts";
import { testPages } from "./support/test-pages.ts";

testPages(1280, desk);
