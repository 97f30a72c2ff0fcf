// The page comes rendered from the server and comes alive in the browser.

import assert from "node:assert/strict";
import { openHydrated } from "../support.mjs";

export async function the_first_page_hydrates({ page, url }) {
  await openHydrated(page, `${url}/`);
  assert.notEqual((await page.locator("body").innerText()).trim(), "");
}
