// Measures, and asserts nothing: how long the page works on a keystroke in a ten-phase document,
// from the input event to the preview that stands in the document.
//
//   node measure.mjs [TIMES]
//
// Of use with the page as it is released only: scripts/build-page --release, then the server.

import { readFileSync } from "node:fs";
import { signIn, targets } from "./people.mjs";
import { launchBrowser, openHydrated, startServer } from "./support.mjs";

const times = Number(process.argv[2] ?? 40);
const text = readFileSync(new URL("../benches/ten_phases.yaml", import.meta.url), "utf8");

const server = await startServer();
const browser = await launchBrowser();
try {
  const { page } = await signIn(browser, server, "engineer");
  await openHydrated(page, "/migrations/new");
  const option = await page
    .locator("#target option")
    .filter({ hasText: targets.postgresql.option })
    .innerText();
  await page.locator("#target").selectOption({ label: option });
  await page.getByTestId("pattern-empty").click();
  await page.getByRole("tab", { name: "YAML" }).click();
  await page.locator("#yaml").fill(text);
  const preview = page.getByTestId("preview");
  await preview.getByTestId("statement").first().waitFor();
  await preview.getByText("Planned without a look").waitFor({ state: "detached" });
  const phases = await preview.locator("article.phase-card").count();
  const statements = await preview.getByTestId("statement").count();
  const taken = await page.evaluate(async (count) => {
    const yaml = document.querySelector("#yaml");
    const pane = document.querySelector("[data-testid=preview]");
    const taken = [];
    for (let i = 0; i < count; i++) {
      // A phase's description changes by a letter: all of the plan is worked out anew.
      yaml.value = yaml.value.replace(/description: New columns\w*/, `description: New columns${"x".repeat(i % 5)}`);
      const changed = new Promise((resolve) => {
        const observer = new MutationObserver(() => {
          observer.disconnect();
          resolve();
        });
        observer.observe(pane, { childList: true, subtree: true, characterData: true });
      });
      const started = performance.now();
      yaml.dispatchEvent(new InputEvent("input", { bubbles: true }));
      await changed;
      taken.push(performance.now() - started);
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 20)));
    }
    return taken;
  }, times);
  taken.sort((a, b) => a - b);
  const at = (share) => taken[Math.min(taken.length - 1, Math.floor(taken.length * share))].toFixed(1);
  console.log(
    `${phases} phases, ${statements} statements: median ${at(0.5)} ms, 95 % within ${at(0.95)} ms, worst ${at(1)} ms, ${times} keystrokes`,
  );
} finally {
  await browser.close();
  await server.stop();
}
