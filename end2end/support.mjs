// What the browser tests stand on: a server of their own, and Chromium.

import { spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The server under test: BELLOWS_BIN, else what `cargo build` left. */
export const binary = process.env.BELLOWS_BIN ?? join(root, "target/debug/bellows");

/**
 * Starts `bellows serve` on a free port with a data directory of its own.
 * Resolves to { url, dataDir, output(), stop() } once it has announced its address.
 */
export async function startServer({ args = ["--demo"], dataDir, env = {} } = {}) {
  const own = dataDir === undefined;
  const dir = dataDir ?? mkdtempSync(join(tmpdir(), "bellows-end2end-"));
  const child = spawn(binary, ["serve", ...args, "--addr", "127.0.0.1:0", "--data-dir", dir], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const ended = new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve(`it ended with ${signal ?? code}`));
    child.once("error", (error) => resolve(`${binary}: ${error.message}`));
  });
  const stop = async () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      const slow = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await ended;
      clearTimeout(slow);
    }
    if (own) rmSync(dir, { recursive: true, force: true });
  };

  const announced = new Promise((resolve) => {
    const read = (chunk) => {
      output += chunk;
      const found = output.match(/listening on (http:\/\/[\w.:]+\d)\s/);
      if (found) resolve({ url: found[1] });
    };
    child.stdout.setEncoding("utf8").on("data", read);
    child.stderr.setEncoding("utf8").on("data", read);
  });
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve("it announced no address within 60 s"), 60_000);
  });
  const first = await Promise.race([announced, ended, late]);
  clearTimeout(timer);
  if (typeof first === "string") {
    await stop();
    throw new Error(`The server did not start: ${first}\n${output}`);
  }
  return { url: first.url, dataDir: dir, output: () => output, stop };
}

function chromiumPath() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const folders = (process.env.PATH ?? "").split(delimiter);
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    for (const folder of folders) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        // Not in this folder.
      }
    }
  }
  throw new Error("No Chromium: run scripts/test-deps, or set CHROMIUM to its path");
}

/** Chromium without windows, and without looking anything up on the network. */
export function launchBrowser() {
  return chromium.launch({
    executablePath: chromiumPath(),
    // Chromium's own sandbox refuses root, which is who CI is.
    chromiumSandbox: process.getuid?.() !== 0,
    args: [
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/**
 * Notes what a page must never do: errors on the console, exceptions, violations of
 * the Content-Security-Policy, requests to another host, answers of 500 and more.
 * Returns the growing list.
 */
export async function watch(context, url) {
  const complaints = [];
  await context.exposeBinding("bellowsCspViolation", (_source, text) => {
    complaints.push(`Content-Security-Policy: ${text}`);
  });
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      window.bellowsCspViolation(
        `${event.violatedDirective} ${event.blockedURI} ${event.sourceFile ?? ""}:${event.lineNumber}`,
      );
    });
  });
  context.on("console", (message) => {
    if (message.type() === "error") complaints.push(`console: ${message.text()}`);
  });
  context.on("weberror", (error) => complaints.push(`exception: ${error.error()}`));
  context.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith("http") && origin !== url) {
      complaints.push(`request to another host: ${request.url()}`);
    }
  });
  context.on("response", (response) => {
    if (response.status() >= 500) complaints.push(`${response.status()} from ${response.url()}`);
  });
  return complaints;
}

/** Opens a path and waits until the page's module has run its `hydrate`. */
export async function openHydrated(page, url) {
  const module = page.waitForResponse((response) => response.url().endsWith(".wasm"));
  await page.goto(url);
  const status = (await module).status();
  if (status !== 200) throw new Error(`the page's module: ${status}`);
  await page.locator("body[data-hydrated]").waitFor({ state: "attached" });
  // What the page asks for once it lives is there as well.
  await page.waitForLoadState("networkidle");
}
