// The page comes rendered from the server and comes alive in the browser.

import assert from "node:assert/strict";
import { signIn } from "../people.mjs";
import { openHydrated } from "../support.mjs";

export async function the_first_page_hydrates({ page, url }) {
  await openHydrated(page, `${url}/`);
  assert.notEqual((await page.locator("body").innerText()).trim(), "");
}

const PATHS = ["/", "/migrations", "/migrations/new", "/executions", "/targets", "/people", "/audit"];
const ROUNDS = 3;

/** What the server and the browser make of a page is the same, however often it is loaded. */
export async function every_page_hydrates_every_time({ browser, server }) {
  const { context, page, complaints } = await signIn(browser, server, "admin");
  try {
    const before = await verified(page);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const path of PATHS) {
        await openHydrated(page, path);
        assert.deepEqual(complaints, [], `${path} complained`);
      }
    }
    // Each look at the audit log is recorded in it: the page asks for what it shows once.
    assert.equal((await verified(page)) - before, ROUNDS + 1);
  } finally {
    await context.close();
  }
}

/** How often the audit's chain was verified, this look included. */
async function verified(page) {
  await openHydrated(page, "/audit");
  const entries = page.getByTestId("audit-entry").filter({ hasText: "audit.verified" });
  return entries.count();
}
