// The people of the demonstration, each in a session of their own, and clients that
// write to its sample databases.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { openHydrated, watch } from "./support.mjs";

const run = promisify(execFile);

/** The password that the server printed for somebody. */
function passwordOf(server, login) {
  const found = server.output().match(new RegExp(`^\\s*${login}\\s.*password (\\S+)$`, "m"));
  if (!found) throw new Error(`no password for ${login} in\n${server.output()}`);
  return found[1];
}

/** Somebody with a browser of their own who has signed in. */
export async function signIn(browser, server, login, options = {}) {
  const context = await browser.newContext({ baseURL: server.url, ...options });
  context.setDefaultTimeout(30_000);
  const complaints = await watch(context, server.url);
  const page = await context.newPage();
  await openHydrated(page, `${server.url}/sign-in`);
  await page.getByLabel("Login name").fill(login);
  await page.getByLabel("Password").fill(passwordOf(server, login));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByTestId("me").waitFor();
  return { context, page, complaints };
}

/** The sample databases, as the page names them, and as a client reaches them. */
export const targets = {
  postgresql: {
    option: /PostgreSQL/,
    async query(server, sql) {
      const url = readFileSync(join(server.dataDir, "demo-postgres.url"), "utf8").trim();
      const { stdout } = await run("psql", [url, "-XAtqc", sql]);
      return stdout.trim();
    },
  },
  sqlite: {
    option: /SQLite/,
    async query(server, sql) {
      const file = server.output().match(/^\s*sqlite:(\S+)$/m)[1];
      const { stdout } = await run("sqlite3", ["-cmd", ".timeout 10000", file, sql]);
      return stdout.trim();
    },
  },
};

/** Changes and inserts rows until it is stopped; stop() gives how many statements it ran. */
export function writer(server, target) {
  let stopped = false;
  let written = 0;
  const work = (async () => {
    while (!stopped) {
      const id = 1 + Math.floor(Math.random() * 200_000);
      await target.query(server, `UPDATE customers SET country = 'NL' WHERE id = ${id}`);
      await target.query(
        server,
        `INSERT INTO customers (email, first_name, last_name, country, orders_count, spent_cents, created_at)
         VALUES ('new-${Date.now()}-${written}@example.com', 'New', 'Customer', 'BE', 0, 0, '2026-01-01')`,
      );
      written += 2;
    }
  })();
  return {
    async stop() {
      stopped = true;
      await work;
      return written;
    },
  };
}
