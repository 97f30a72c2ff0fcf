// What people do again and again on their way through the page.

import { openHydrated } from "./support.mjs";

/** A document written as YAML, saved, and given to review. Resolves to the migration's path. */
export async function draft(page, target, yaml) {
  await openHydrated(page, "/migrations/new");
  const option = await page.locator("#target option").filter({ hasText: target.option }).innerText();
  await page.locator("#target").selectOption({ label: option });
  await page.getByTestId("pattern-empty").click();
  await page.getByRole("tab", { name: "YAML" }).click();
  await page.locator("#yaml").fill(yaml);
  await page.getByRole("button", { name: "Save and ask for review" }).click();
  await page.waitForURL(/\/migrations\/[0-9a-f-]+$/);
  return new URL(page.url()).pathname;
}

/** Signs off those phases, and no others, of the migration that is open. */
export async function approve(page, phases, comment) {
  const panel = page.getByTestId("decide");
  await panel.waitFor();
  for (const tick of await panel.getByRole("checkbox").all()) {
    const number = Number((await tick.getAttribute("id")).split("-").pop());
    await tick.setChecked(phases.includes(number));
  }
  await panel.getByLabel("Comment").fill(comment);
  await panel.getByRole("button", { name: "Approve" }).click();
  for (const number of phases) {
    await page.getByTestId(`phase-${number}`).getByText("1 of 1 approved").waitFor();
  }
}

/** Starts a phase and goes to its execution. */
export async function start(page, url, phase) {
  await openHydrated(page, url);
  await page.getByTestId(`start-phase-${phase}`).click();
  await page.waitForURL(/\/executions\//);
}

/** Waits until the phase is done on the execution that is open. */
export async function completed(page, phase) {
  await page
    .getByTestId(`run-phase-${phase}`)
    .getByText("completed", { exact: true })
    .first()
    .waitFor({ timeout: 60_000 });
}
