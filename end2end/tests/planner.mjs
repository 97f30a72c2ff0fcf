// What the browser plans at the keystroke is what the server plans for the approval: the same
// hash over every statement, and the same text of steps, checks, ways back and findings.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { signIn, targets } from "../people.mjs";
import { openHydrated } from "../support.mjs";

const examples = new URL("../../examples/", import.meta.url);

const carried = (engine) => `migration:
  name: rename-email-on-${engine}
  database: ${engine}
  description: What hangs on a column, checks, and a way back of one's own
  phases:
    - phase: 1
      timeout: 3000
      gate: {deploy: App 2, soak: 1h}
      operations:
        - {type: add_column, table: customers, column: "E-Mail", dataType: text, nullable: true}
        - {type: add_index, table: customers, indexName: by_mail, columns: ["E-Mail", country]}
        - {type: backfill, table: customers, sql: '"E-Mail" = lower(email)', where: '"E-Mail" IS NULL'}
        - {type: custom_sql, sql: "UPDATE customers SET country = upper(country)"}
      validation:
        - {check: backfill_complete, table: customers, column: "E-Mail"}
        - {check: custom, sql: "SELECT count(*) FROM customers WHERE email IS NULL", expect: zero}
    - phase: 2
      operations:
        - {type: set_not_null, table: customers, column: "E-Mail"}
        - {type: drop_column, table: customers, column: phone}
      rollbackOperations:
        - {type: add_column, table: customers, column: phone, dataType: text}
`;

export async function the_preview_is_the_plan({ browser, server }) {
  const documents = readdirSync(examples)
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => readFileSync(new URL(name, examples), "utf8"))
    // The sample shop has the tables of these.
    .filter((text) => /database: (postgresql|sqlite)\n/.test(text) && /table: customers\b/.test(text))
    .map((text) => text.replace(/^ {2}name: .*$/m, (line) => `${line}-planned`));
  assert.ok(documents.length >= 3, `${documents.length} examples are about the sample shop`);
  documents.push(carried("postgresql"), carried("sqlite"));
  const { context, page, complaints } = await signIn(browser, server, "engineer");
  try {
    for (const text of documents) await compare(browser, server, page, text);
    assert.deepEqual(complaints, []);
  } finally {
    await context.close();
  }
}

async function compare(browser, server, page, text) {
  const name = text.match(/^ {2}name: (.*)$/m)[1];
  const target = targets[text.match(/^ {2}database: (.*)$/m)[1]];
  await openHydrated(page, "/migrations/new");
  const option = await page.locator("#target option").filter({ hasText: target.option }).innerText();
  await page.locator("#target").selectOption({ label: option });
  await page.getByTestId("pattern-empty").click();
  await page.getByRole("tab", { name: "YAML" }).click();
  await page.locator("#yaml").fill(text);
  const preview = page.getByTestId("preview");
  await preview.getByTestId("statement").first().waitFor();
  await preview.getByText("Planned without a look").waitFor({ state: "detached" });
  // SQL of one's own is parsed by the server.
  await preview.getByTestId("by-words").waitFor({ state: "detached" });
  const planned = await read(preview);
  await page.getByRole("button", { name: "Save and ask for review" }).click();
  await page.waitForURL(/\/migrations\/[0-9a-f-]+$/);

  // Without scripts there is only what the server planned.
  const still = await browser.newContext({
    baseURL: server.url,
    javaScriptEnabled: false,
    storageState: await page.context().storageState(),
  });
  try {
    const rendered = await still.newPage();
    await rendered.goto(page.url());
    const approved = await read(rendered.locator("main"));
    assert.ok(approved.phases.length > 0, `${name} has phases`);
    assert.deepEqual(planned, approved, name);
  } finally {
    await still.close();
  }
}

/** The plan as it is shown: its hash, and every step, check, way back and finding. */
async function read(place) {
  const hash = await place.locator(".hash").first().getAttribute("title");
  assert.match(hash, /^sha256:[0-9a-f]{64}$/);
  const cards = await place.locator("article.phase-card").all();
  const phases = [];
  for (const card of cards) {
    const parts = card.locator(".steps, .checks, .gate, [data-testid=findings]");
    // What can be done about a finding depends on who looks, and where.
    const texts = await parts.evaluateAll((found) =>
      found.map((part) => {
        const shown = part.cloneNode(true);
        for (const act of shown.querySelectorAll(".waive, button")) act.remove();
        return shown.textContent;
      }),
    );
    phases.push(texts.map((text) => text.replace(/\s+/g, " ")));
  }
  return { hash, phases };
}
