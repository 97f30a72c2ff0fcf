// Runs the browser tests: every function exported by a file of tests/, in order,
// each with a browser context of its own against one server.
//
//   node run.mjs [WORD]    only the tests whose file or name contains WORD
//
// A test fails if it throws, or if the page complained (see `watch` in support.mjs);
// a complaint that a test expects it takes out of `complaints` itself.

import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { launchBrowser, startServer, watch } from "./support.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const results = join(here, "test-results");
const word = process.argv[2] ?? "";
const TEST_TIMEOUT = 300_000;

let passed = 0;
let failed = 0;

async function within(ms, work) {
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${ms / 1000} s`)), ms);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function runTest(browser, server, file, name, test) {
  const context = await browser.newContext({ baseURL: server.url });
  context.setDefaultTimeout(30_000);
  const complaints = await watch(context, server.url);
  const page = await context.newPage();
  const started = Date.now();
  try {
    await within(TEST_TIMEOUT, test({ browser, context, page, server, url: server.url, complaints }));
    if (complaints.length > 0) throw new Error(`the page complained:\n${complaints.join("\n")}`);
    passed += 1;
    console.log(`ok      ${file} ${name} (${Date.now() - started} ms)`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${file} ${name}\n${error.stack ?? error}`);
    for (const complaint of complaints) console.log(`        ${complaint}`);
    mkdirSync(results, { recursive: true });
    const picture = join(results, `${file}-${name}.png`.replaceAll(/[^\w.-]+/g, "-"));
    await page.screenshot({ path: picture, fullPage: true }).then(
      () => console.log(`        see ${picture}`),
      () => {},
    );
  } finally {
    await context.close();
  }
}

let server;
let browser;
try {
  server = await startServer();
  browser = await launchBrowser();
  const files = readdirSync(join(here, "tests")).filter((file) => file.endsWith(".mjs"));
  for (const file of files.sort()) {
    const tests = await import(new URL(`tests/${file}`, import.meta.url));
    for (const [name, test] of Object.entries(tests)) {
      if (typeof test !== "function" || !`${file} ${name}`.includes(word)) continue;
      await runTest(browser, server, file, name, test);
    }
  }
} catch (error) {
  failed += 1;
  console.log(`FAILED  ${error.stack ?? error}`);
} finally {
  await browser?.close();
  await server?.stop();
}

if (failed > 0 && server) console.log(`--- the server's last words\n${server.output().slice(-4000)}`);
if (passed + failed === 0) {
  failed = 1;
  console.log("FAILED  no test ran");
}
console.log(`browser: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
