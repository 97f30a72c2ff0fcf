// A finding's safe way takes the operation's place with one press, in the text and in the form, and
// goes back with another one; SQL of one's own is shown as read by its words until it is parsed.

import assert from "node:assert/strict";
import { signIn, targets } from "../people.mjs";
import { openHydrated } from "../support.mjs";

const RENAME = `migration:
  name: telephone
  database: postgresql
  description: A better name
  phases:
    - phase: 1
      description: Rename
      operations:
        - {type: rename_column, table: customers, oldColumn: phone, newColumn: telephone}
`;

const INDEX = `migration:
  name: by-country
  database: postgresql
  description: An index
  phases:
    - phase: 1
      operations:
        - {type: custom_sql, sql: "CREATE INDEX customers_by_country ON customers (country)", rollbackSql: "DROP INDEX customers_by_country"}
`;

async function editor(page) {
  await openHydrated(page, "/migrations/new");
  const option = await page
    .locator("#target option")
    .filter({ hasText: targets.postgresql.option })
    .innerText();
  await page.locator("#target").selectOption({ label: option });
  await page.getByTestId("pattern-empty").click();
  await page.getByRole("tab", { name: "YAML" }).click();
}

async function write(page, text) {
  await page.locator("#yaml").fill(text);
  const preview = page.getByTestId("preview");
  await preview.getByTestId("statement").first().waitFor();
  await preview.getByText("Planned without a look").waitFor({ state: "detached" });
  return preview;
}

export async function the_safe_way_takes_the_place_and_goes_back({ browser, server }) {
  const { context, page, complaints } = await signIn(browser, server, "engineer");
  const yaml = page.locator("#yaml");
  const fixed = page.getByTestId("fixed");
  try {
    await editor(page);
    const preview = await write(page, RENAME);
    await preview.getByTestId("apply-fix").first().click();
    await fixed.getByText("The safe way stands in its place").waitFor();
    const text = await yaml.inputValue();
    assert.match(text, /type: enable_dual_write/);
    assert.doesNotMatch(text, /type: rename_column/);
    await preview.getByTestId("preview-phase-3").waitFor();
    assert.equal(await preview.getByTestId("apply-fix").count(), 0);
    await fixed.getByRole("button", { name: "Take back" }).click();
    assert.equal(await yaml.inputValue(), RENAME);

    // The same in the form.
    await page.getByRole("tab", { name: "Form" }).click();
    await preview.getByTestId("apply-fix").first().click();
    await fixed.getByText("The safe way stands in its place").waitFor();
    await page.getByRole("tab", { name: "YAML" }).click();
    assert.equal(await yaml.inputValue(), text);
    await fixed.getByRole("button", { name: "Take back" }).click();
    assert.equal(await yaml.inputValue(), RENAME);

    // SQL of one's own: the server parses it, and its finding brings the operation.
    await write(page, INDEX);
    await preview.getByTestId("by-words").waitFor({ state: "detached" });
    await preview.locator('[data-rule="non-concurrent-index"]').getByTestId("apply-fix").click();
    await fixed.getByText("The safe way stands in its place").waitFor();
    assert.match(await yaml.inputValue(), /type: add_index/);
    await preview.getByText("CREATE INDEX CONCURRENTLY").first().waitFor();

    // What is locked and broken beside stands under the statement, on a phone too.
    await write(page, RENAME);
    await preview.getByTestId("breaks").first().getByText("which is then called telephone").waitFor();
    for (const width of [1440, 360]) {
      await page.setViewportSize({ width, height: 800 });
      const over = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      assert.equal(over, 0, `the editor is ${over} px wider than ${width}`);
    }
    assert.deepEqual(complaints, []);
  } finally {
    await context.close();
  }
}
