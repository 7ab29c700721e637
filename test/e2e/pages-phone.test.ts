import { phone } from "./support/people.ts";
import { testPages } from "./support/test-pages.ts";

testPages(390, phone);
