// Pictures of the pages as they are, taken while the tests walk through them: for the documentation
// where BELLOWS_PICTURES names a folder, else beside the tests' other results.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder =
  process.env.BELLOWS_PICTURES ?? fileURLToPath(new URL("test-results/pictures", import.meta.url));

/** Takes the page as `name.png`. The documentation shows PostgreSQL's; the other is kept apart. */
export async function picture(page, engine, name) {
  const to = engine === "postgresql" ? folder : join(folder, engine);
  if (engine !== "postgresql" && process.env.BELLOWS_PICTURES) return;
  mkdirSync(to, { recursive: true });
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.screenshot({ path: join(to, `${name}.png`), animations: "disabled" });
}
