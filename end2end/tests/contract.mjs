// A contract phase while somebody still writes the old column: what was seen is shown, it begins only
// for a reason, and it is held until a person says go.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { picture } from "../pictures.mjs";
import { signIn, targets } from "../people.mjs";
import { approve, completed, draft, start } from "../steps.mjs";
import { openHydrated } from "../support.mjs";

export async function the_old_side_is_watched_and_the_cut_over_held({ browser, server }) {
  const engineer = await signIn(browser, server, "engineer");
  const approver = await signIn(browser, server, "approver");
  const { page } = engineer;
  try {
    const url = await draft(
      page,
      targets.postgresql,
      `migration:
  name: rename-pet
  database: postgresql
  description: One name for pets
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: customers, column: pet, dataType: text, nullable: true}
        - {type: add_column, table: customers, column: animal, dataType: text, nullable: true}
        - {type: enable_dual_write, table: customers, oldColumn: pet, newColumn: animal}
    - phase: 2
      operations:
        - {type: drop_column, table: customers, column: pet}
`,
    );
    await openHydrated(approver.page, url);
    await approve(approver.page, [1, 2], "Go");
    await start(page, url, 1);
    await completed(page, 1);
    const execution = new URL(page.url()).pathname;
    const address = readFileSync(join(server.dataDir, "demo-postgres.url"), "utf8").trim();
    execFileSync("psql", [address, "-XAtqc", "UPDATE customers SET pet = 'cat' WHERE id = 7"]);

    await openHydrated(page, execution);
    const evidence = page.getByTestId("evidence");
    await evidence.getByText("in use", { exact: true }).waitFor();
    await evidence.getByText("writes (1 times)").waitFor();
    await evidence.getByRole("img", { name: /Writes to the old side.* 1 use in / }).waitFor();
    await picture(page, "postgresql", "evidence");
    await page.setViewportSize({ width: 360, height: 800 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 360, `the page is ${wide} wide`);
    await page.setViewportSize({ width: 1280, height: 900 });

    execFileSync("psql", [address, "-XAtqc", "UPDATE customers SET pet = 'dog' WHERE id = 7"]);
    await openHydrated(page, url);
    const card = page.getByTestId("phase-2");
    await card.getByText("in use", { exact: true }).waitFor();
    await card.getByLabel("Why it may start although what it takes away was used").fill("the last one");
    await card.getByLabel("Hold it before the cut-over until somebody says go").check();
    await page.getByTestId("start-phase-2").click();
    await page.getByTestId("stopped").getByText("Held until a person says go").waitFor();
    await page.getByRole("button", { name: "Go", exact: true }).click();
    await page.getByRole("button", { name: "Yes, go" }).click();
    await completed(page, 2);
    for (const { complaints } of [engineer, approver]) assert.deepEqual(complaints, []);
  } finally {
    for (const { context } of [engineer, approver]) await context.close();
  }
}
