// Every page fits its window, from a phone to a desktop, and has its picture.

import assert from "node:assert/strict";
import { picture } from "../pictures.mjs";
import { signIn } from "../people.mjs";
import { openHydrated, startServer } from "../support.mjs";

const PAGES = {
  dashboard: "/",
  migrations: "/migrations",
  new: "/migrations/new",
  executions: "/executions",
  targets: "/targets",
  audit: "/audit",
  people: "/people",
  missing: "/nowhere",
};

/** Nothing but what scrolls by itself is wider than the window. */
async function fits(page, name) {
  for (const width of [1440, 768, 360]) {
    await page.setViewportSize({ width, height: 800 });
    const over = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    assert.equal(over, 0, `${name} is ${over} px wider than ${width}`);
  }
}

export async function every_page_fits_its_window({ browser, server }) {
  const { context, page, complaints } = await signIn(browser, server, "admin");
  try {
    for (const [name, path] of Object.entries(PAGES)) {
      if (name === "missing") {
        // It is the one page whose status is not 200, which the console tells.
        await page.goto(path);
        await page.getByRole("heading", { name: "There is no such page" }).waitFor();
        complaints.length = 0;
      } else {
        await openHydrated(page, path);
      }
      await fits(page, name);
      if (!["dashboard", "audit", "missing"].includes(name)) await picture(page, "postgresql", name);
    }
    await openHydrated(page, "/migrations");
    await page.getByTestId("migration-row").first().getByRole("link").first().click();
    await page.waitForURL(/\/migrations\/[0-9a-f-]+$/);
    await page.getByTestId("phase-1").waitFor();
    await fits(page, "a migration");
    assert.deepEqual(complaints, []);
  } finally {
    await context.close();
  }
}

export async function the_door_and_the_first_start({ browser, page, url }) {
  await openHydrated(page, `${url}/sign-in`);
  await fits(page, "sign-in");
  await picture(page, "postgresql", "sign-in");

  const empty = await startServer({ args: [] });
  const context = await browser.newContext({ baseURL: empty.url });
  try {
    const first = await context.newPage();
    await openHydrated(first, "/set-up");
    await fits(first, "set-up");
    await picture(first, "postgresql", "set-up");
  } finally {
    await context.close();
    await empty.stop();
  }
}
