// Somebody else holds the table: who it is is shown while the run waits, and an engineer may end
// that session. An auditor sees it and may not.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { picture } from "../pictures.mjs";
import { signIn, targets } from "../people.mjs";
import { approve, completed, draft, start } from "../steps.mjs";
import { openHydrated } from "../support.mjs";

/** A session that has read the table and sleeps with its transaction open. */
async function holder(server) {
  const url = readFileSync(join(server.dataDir, "demo-postgres.url"), "utf8").trim();
  const client = spawn("psql", [url, "-XAtq"], { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  client.stderr.on("data", (data) => (said += data));
  const held = new Promise((resolve, reject) => {
    client.stdout.on("data", (data) => String(data).includes("held") && resolve());
    client.on("exit", () => reject(new Error(`psql ended: ${said}`)));
  });
  client.stdin.write("BEGIN; SELECT 'held' FROM customers LIMIT 1;\n");
  await held;
  return {
    /** What it hears when it goes on. */
    async goesOn() {
      const ended = new Promise((resolve) => client.on("close", resolve));
      client.stdin.end("SELECT 1;\n");
      await ended;
      return said;
    },
  };
}

export async function who_stands_in_the_way_is_shown_and_can_be_ended({ browser, server }) {
  const engineer = await signIn(browser, server, "engineer");
  const approver = await signIn(browser, server, "approver");
  const auditor = await signIn(browser, server, "auditor");
  try {
    const url = await draft(
      engineer.page,
      targets.postgresql,
      `migration:
  name: add-pet-name
  database: postgresql
  description: A column that needs the table for a moment
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: customers, column: pet_name, dataType: text, nullable: true}
`,
    );
    await openHydrated(approver.page, url);
    await approve(approver.page, [1], "Go");
    const session = await holder(server);
    await start(engineer.page, url, 1);
    const wait = engineer.page.getByTestId("lock-waiting");
    await wait.getByText("SELECT 'held' FROM customers").waitFor();
    await openHydrated(auditor.page, new URL(engineer.page.url()).pathname);
    await auditor.page.getByTestId("lock-waiting").waitFor();
    assert.equal(await auditor.page.getByRole("button", { name: "End it" }).count(), 0);

    await openHydrated(engineer.page, engineer.page.url());
    await wait.getByRole("button", { name: "End it" }).click();
    const question = engineer.page.getByRole("dialog", { name: "End this session?" });
    await question.waitFor();
    await picture(engineer.page, "postgresql", "lock-wait");
    // The wait is told anew with every try; the question stays open.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await question.getByRole("button", { name: "Yes, end it" }).click();
    await completed(engineer.page, 1);
    assert.match(await session.goesOn(), /terminating connection|server closed/);

    await openHydrated(auditor.page, "/audit");
    await auditor.page.getByLabel("Actor, action or subject").fill("blocker.ended");
    await auditor.page.keyboard.press("Enter");
    const rows = auditor.page.getByTestId("audit-entry").filter({ hasText: "blocker.ended" });
    await rows.filter({ hasText: "add-pet-name" }).first().waitFor();
    for (const { complaints } of [engineer, approver, auditor]) assert.deepEqual(complaints, []);
  } finally {
    for (const { context } of [engineer, approver, auditor]) await context.close();
  }
}
