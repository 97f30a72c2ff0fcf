// One migration all the way, as three people in three sessions: written, reviewed, run while
// somebody else writes, paused, resumed, tightened; one that fails and is taken back; and all of
// it in the audit log. Once on each engine.

import assert from "node:assert/strict";
import { picture } from "../pictures.mjs";
import { signIn, targets, writer } from "../people.mjs";
import { approve, completed, draft, start } from "../steps.mjs";
import { openHydrated } from "../support.mjs";

export const a_migration_all_the_way_on_postgresql = (test) => allTheWay(test, "postgresql");
export const a_migration_all_the_way_on_sqlite = (test) => allTheWay(test, "sqlite");

const preview = (page) => page.getByTestId("preview");
const statements = (page) => preview(page).getByTestId("statement");

async function allTheWay({ browser, server }, engine) {
  const target = targets[engine];
  const engineer = await signIn(browser, server, "engineer");
  const approver = await signIn(browser, server, "approver");
  const auditor = await signIn(browser, server, "auditor");
  try {
    const column = "tier_points";
    const url = await write(engineer.page, target, column, engine);
    await review(engineer.page, approver.page, url, engine);
    await execute(engineer.page, approver.page, url, server, target, column, engine);
    await fail(engineer.page, approver.page, server, target, engine);
    await audit(auditor.page, server, engine);
    for (const [who, { complaints }] of Object.entries({ engineer, approver, auditor })) {
      assert.deepEqual(complaints, [], `the page complained to the ${who}`);
    }
  } catch (error) {
    for (const [who, { page, complaints }] of Object.entries({ engineer, approver, auditor })) {
      await picture(page, "failures", `${engine}-${who}`);
      error.message += complaints.map((complaint) => `\n${who}: ${complaint}`).join("");
    }
    throw error;
  } finally {
    for (const { context } of [engineer, approver, auditor]) await context.close();
  }
}

/** Step 1: a pattern's form, the builder, YAML and back. Resolves to the migration's path. */
async function write(page, target, column, engine) {
  await openHydrated(page, "/migrations/new");
  const option = await page.locator("#target option").filter({ hasText: target.option }).innerText();
  await page.locator("#target").selectOption({ label: option });
  await page.getByTestId("pattern-add-required-column").click();

  // Names come from the live schema.
  const table = page.locator("#pattern-table");
  const offered = page.locator(`datalist#${await table.getAttribute("list")} option`);
  await offered.first().waitFor({ state: "attached" });
  const names = await offered.evaluateAll((options) => options.map((option) => option.value));
  assert.ok(names.includes("customers"), `customers is offered: ${names}`);
  await table.fill("customers");
  await page.locator("#pattern-dataType").fill("INTEGER");
  await page.locator("#pattern-default").fill("0");

  // The statements follow every keystroke.
  await page.locator("#pattern-column").pressSequentially("tie", { delay: 20 });
  await preview(page).getByText(/ADD COLUMN tie INTEGER/).first().waitFor();
  await page.locator("#pattern-column").pressSequentially(column.slice(3), { delay: 20 });
  await preview(page).getByText(new RegExp(`ADD COLUMN ${column} INTEGER`)).first().waitFor();
  await page.locator("#pattern-backfill").fill("orders_count * 10 + spent_cents / 1000");
  await preview(page).getByText(/orders_count \* 10/).first().waitFor();
  await picture(page, engine, "pattern");
  await page.getByRole("button", { name: "Continue in the editor" }).click();

  // Slow enough to be watched.
  const backfill = page.getByTestId("item-backfill");
  await backfill.locator("[id$=-batchSize]").fill("1000");
  await backfill.locator("[id$=-pauseMs]").fill("30");

  // Phases and operations by hand: added, moved, removed.
  const before = await statements(page).count();
  await page.getByTestId("add-phase").click();
  const last = page.getByTestId("phase-form").last();
  await last.getByTestId("add-operations").selectOption("drop_column");
  await last.getByTestId("item-drop_column").locator("[id$=-table]").fill("customers");
  await last.getByTestId("item-drop_column").locator("[id$=-column]").fill("country");
  await preview(page).getByText(/DROP COLUMN country/).first().waitFor();
  assert.ok((await statements(page).count()) > before, "a new operation shows its statements");
  await preview(page).getByText(/irreversible|destroys|values/i).first().waitFor();
  await page.getByRole("button", { name: "Move phase 4 up" }).click();
  await page.getByRole("button", { name: "Remove phase 3" }).click();
  await preview(page).getByText(/DROP COLUMN country/).waitFor({ state: "detached" });
  assert.equal(await statements(page).count(), before, "what was removed is gone");

  // To YAML, with a mistake in it, and back.
  await page.getByRole("tab", { name: "YAML" }).click();
  const yaml = page.locator("#yaml");
  const text = await yaml.inputValue();
  await yaml.fill(text.replace("dataType", "dataTpye"));
  const problems = page.getByTestId("yaml-problems");
  await problems.getByText(/dataTpye/).first().waitFor();
  assert.match(await problems.innerText(), /Line \d+, column \d+.*dataTpye[\s\S]*dataType/);
  await yaml.fill(text);
  await page.getByRole("tab", { name: "Form" }).click();
  await page.locator("#doc-name").waitFor();
  await page.getByRole("tab", { name: "YAML" }).click();
  assert.equal(await yaml.inputValue(), text, "YAML, form and YAML again are the same text");
  await page.getByRole("tab", { name: "Form" }).click();
  await page.locator("#doc-name").fill(`add-${column.replaceAll("_", "-")}-on-${engine}`);
  await page.locator("#doc-description").fill("Points for every customer, from what they ordered");
  await picture(page, engine, "builder");
  await page.getByRole("button", { name: "Save and ask for review" }).click();
  await page.waitForURL(/\/migrations\/[0-9a-f-]+$/);
  return new URL(page.url()).pathname;
}

/** Step 2: nobody approves their own; the approver does, and an edit makes it stale. */
async function review(engineer, approver, url, engine) {
  await openHydrated(engineer, url);
  await engineer.getByTestId("phase-1").waitFor();
  assert.equal(await engineer.getByTestId("decide").count(), 0, "the author cannot approve");
  const refused = await engineer.request.post("/api/approvals/decide", {
    headers: { Origin: new URL(engineer.url()).origin },
    data: {
      id: url.split("/").pop(),
      plan_hash: "sha256:0",
      phases: [1],
      decision: "approved",
      comment: "",
    },
  });
  assert.equal(refused.status(), 403, "nor by asking the server directly");

  const name = await engineer.getByRole("heading", { level: 1 }).innerText();
  await openHydrated(approver, "/");
  await picture(approver, engine, "dashboard");
  await approver.getByTestId("waiting-for-me").getByText(name).first().click();
  await approver.waitForURL((at) => at.pathname === url);
  await approve(approver, [1, 2], "Read the plan; phases 1 and 2 are fine");

  // An edit makes a new version, and what was said of the old one counts no more.
  await openHydrated(engineer, `${url}/edit`);
  await engineer.locator("#doc-description").fill("Points for every customer, and one word more");
  await engineer.getByRole("button", { name: "Save and ask for review" }).click();
  await engineer.waitForURL((at) => at.pathname === url);
  await openHydrated(engineer, url);
  await engineer.getByTestId("approval").getByText("stale").first().waitFor();
  assert.equal(await engineer.getByTestId("start-phase-1").count(), 0, "and it cannot start");
  await openHydrated(approver, url);
  await approve(approver, [1, 2], "Still fine");
}

/** Step 3: phases 1 and 2, watched, paused, reloaded, resumed; phase 3 once it is approved. */
async function execute(engineer, approver, url, server, target, column, engine) {
  await start(engineer, url, 1);
  await completed(engineer, 1);
  const others = writer(server, target);
  await start(engineer, url, 2);

  const bar = engineer.getByTestId("progress");
  await bar.waitFor();
  const value = async () => Number(await bar.locator("progress").getAttribute("value"));
  const first = await value();
  await engineer.waitForFunction(
    (from) => Number(document.querySelector("[data-testid=progress] progress")?.value ?? 0) > from,
    first,
  );
  await bar.getByText("Rows per second").waitFor();
  await bar.getByText("Time left").waitFor();
  await picture(engineer, engine, "execution");

  const state = engineer.getByTestId("execution-state");
  await engineer.getByRole("button", { name: "Pause" }).click();
  await state.getByText("paused").waitFor();
  await engineer.getByTestId("stopped").waitFor();
  const paused = Number(await target.query(server, done(column)));
  assert.ok(paused > 0 && paused < 200_000, `it is paused in the middle: ${paused}`);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal(Number(await target.query(server, done(column))), paused, "and nothing goes on");

  await engineer.reload();
  await state.getByText("paused").waitFor();
  await openHydrated(engineer, engineer.url());
  await engineer.getByRole("button", { name: "Resume" }).click();
  await bar.waitFor();
  await engineer.reload();
  await bar.waitFor();
  assert.ok((await value()) > 0, "a reload in the middle loses nothing");
  await completed(engineer, 2);
  assert.ok((await others.stop()) > 0, "somebody wrote meanwhile");

  await openHydrated(engineer, url);
  await engineer.getByTestId("phase-3").getByTestId("blocked").getByText(/approv/i).waitFor();
  await picture(engineer, engine, "migration");
  await openHydrated(approver, url);
  await approve(approver, [3], "The values are there");
  await start(engineer, url, 3);
  await completed(engineer, 3);
  await state.getByText("completed").waitFor();
  const wrong = await target.query(
    server,
    `SELECT count(*) FROM customers WHERE id <= 200000
     AND coalesce(${column}, -1) <> orders_count * 10 + spent_cents / 1000`,
  );
  assert.equal(wrong, "0", "every row has its value");
  const error = await target
    .query(
      server,
      `INSERT INTO customers (email, first_name, last_name, country, orders_count, spent_cents, created_at, ${column})
       VALUES ('null-${engine}@example.com', 'No', 'Value', 'BE', 0, 0, '2026-01-01', NULL)`,
    )
    .then(() => "", (reason) => String(reason.stderr ?? reason));
  assert.match(error, /NOT NULL|not-null/i, "the column takes no NULL");
}

const done = (column) =>
  `SELECT count(*) FROM customers WHERE id <= 200000 AND ${column} IS NOT NULL`;

/** Step 4: a check that fails takes its phase back, and says why. */
async function fail(engineer, approver, server, target, engine) {
  const word = engine === "sqlite" ? "sqlite" : "postgresql";
  const url = await draft(
    engineer,
    target,
    `migration:
  name: add-nickname-on-${engine}
  database: ${word}
  description: A nickname, which nobody has yet
  phases:
    - phase: 1
      description: Add nickname
      operations:
        - type: add_column
          table: customers
          column: nickname
          dataType: text
      validation:
        - check: custom
          sql: SELECT count(*) FROM customers WHERE nickname IS NULL
          expect: zero
          errorMessage: Customers without a nickname
`,
  );
  await openHydrated(approver, url);
  await approve(approver, [1], "Go");
  await start(engineer, url, 1);
  await engineer.getByTestId("finished").getByText(/Rolled back/).waitFor();
  await engineer.getByTestId("check-failed").getByText("Customers without a nickname").first().waitFor();
  await picture(engineer, engine, "failed");
  const left = await target.query(server, "SELECT * FROM customers LIMIT 1").then((row) => row);
  assert.ok(left.length > 0);
  const gone = await target
    .query(server, "SELECT nickname FROM customers LIMIT 1")
    .then(() => "", (reason) => String(reason.stderr ?? reason));
  assert.match(gone, /nickname/, "the column was taken back");
}

/** Step 5: who, when, what, from where; and the chain holds. */
async function audit(page, server, engine) {
  await openHydrated(page, "/audit");
  await page.getByTestId("chain").getByText("Chain verified").waitFor();
  const rows = page.getByTestId("audit-entry");
  await rows.first().waitFor();
  const about = async (word) => {
    await page.getByLabel("Actor, action or subject").fill(word);
    const answer = page.waitForResponse((response) => response.url().includes("/api/audit"));
    await page.keyboard.press("Enter");
    await answer;
    await page.waitForFunction(
      (wanted) =>
        [...document.querySelectorAll("[data-testid=audit-entry]")].every((row) =>
          row.textContent.includes(wanted),
        ),
      word,
    );
    const cell = (row, label) => row.locator(`td[data-label="${label}"]`).innerText();
    const entries = [];
    for (const row of await rows.all()) {
      assert.match(await cell(row, "When"), /^\d{4}-\d\d-\d\d \d\d:\d\d UTC$/);
      const who = await cell(row, "Who");
      assert.equal(await cell(row, "From"), who === "bellows" ? "server" : "127.0.0.1");
      entries.unshift(`${who} ${(await cell(row, "What")).trim()}`);
    }
    return entries;
  };
  assert.deepEqual(await about(`add-tier-points-on-${engine}`), [
    "engineer version.saved",
    "engineer review.requested",
    "approver approval.given",
    "engineer version.saved",
    "engineer review.requested",
    "approver approval.given",
    "engineer phase.started",
    "bellows phase.completed",
    "engineer phase.started",
    "engineer execution.pause",
    "bellows phase.stopped",
    "engineer execution.resume",
    "bellows phase.completed",
    "approver approval.given",
    "engineer phase.started",
    "bellows execution.completed",
  ]);
  assert.deepEqual(await about(`add-nickname-on-${engine}`), [
    "engineer version.saved",
    "engineer review.requested",
    "approver approval.given",
    "engineer phase.started",
    "bellows execution.rolled_back",
  ]);
  await picture(page, engine, "audit");
}
