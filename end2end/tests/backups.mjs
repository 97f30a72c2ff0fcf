// A backup is taken and restored in the page.

import assert from "node:assert/strict";
import { signIn, targets } from "../people.mjs";
import { openHydrated } from "../support.mjs";

export async function an_engineer_takes_a_backup_and_an_admin_restores_it({ browser, server }) {
  const engineer = await signIn(browser, server, "engineer");
  const admin = await signIn(browser, server, "admin");
  const query = (sql) => targets.sqlite.query(server, sql);
  try {
    const card = (page) => page.getByTestId("target").filter({ hasText: "sqlite:" }).first();
    await openHydrated(engineer.page, "/targets");
    await card(engineer.page).getByRole("button", { name: /^Backups of/ }).click();
    await card(engineer.page).getByRole("button", { name: "Take a backup now" }).click();
    await card(engineer.page).getByTestId("backup-row").first().getByText("the whole database").waitFor();
    assert.equal(await card(engineer.page).getByRole("button", { name: "What would it do?" }).count(), 0);

    await query("CREATE TABLE made_since (x INTEGER)");
    const table = (await query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%' ORDER BY name LIMIT 1"));
    const before = await query(`SELECT count(*) FROM "${table}"`);
    await openHydrated(admin.page, "/targets");
    await card(admin.page).getByRole("button", { name: /^Backups of/ }).click();
    const row = card(admin.page).getByTestId("backup-row").first();
    await row.getByRole("button", { name: "What would it do?" }).click();
    await row.getByTestId("restore-preview").getByText(`${table}: ${before} now, ${before} rows then`).waitFor();
    await row.getByRole("button", { name: "Restore", exact: true }).click();
    await row.getByRole("button", { name: "Yes, restore" }).click();
    await row.getByTestId("restored").getByText("What was there before is in backup").waitFor();
    assert.equal(await query(`SELECT count(*) FROM "${table}"`), before);
    assert.deepEqual([...engineer.complaints, ...admin.complaints], []);
  } finally {
    await engineer.context.close();
    await admin.context.close();
  }
}
