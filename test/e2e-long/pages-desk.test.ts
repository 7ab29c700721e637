import { desk } from "../e2e/support/people.ts";
import { testPages } from "../e2e/support/test-pages.ts";

testPages(1280, desk);
