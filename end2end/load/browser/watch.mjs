// Opens pages of tasks in Chromium and notes when each task is first seen in each state.
//
//   watch.mjs URL...        prints "ready" once every page is live; at the end of its
//                           input prints [[url number, task id, state, epoch ms], ...] and ends
//
// A change counts as seen after the frame that paints it.

import { chromium } from "playwright-core";

const READY_MS = 30_000;

/** Runs in the page. */
function watchRows() {
  const seen = new Map();
  const channel = new MessageChannel();
  let isWaiting = false;
  // A message sent while a frame is prepared arrives after it was painted.
  channel.port1.onmessage = () => {
    isWaiting = false;
    const now = performance.timeOrigin + performance.now();
    for (const row of document.querySelectorAll("tr.task-row:not(.blank-row)")) {
      const id = row.querySelector(".col-task a")?.getAttribute("href")?.split("/").at(-1);
      const state = row.querySelector(".col-state .state-badge")?.className.match(/state-(?!badge)([a-z]+)/)?.[1];
      if (id === undefined || state === undefined) continue;
      const key = `${id} ${state}`;
      if (!seen.has(key)) seen.set(key, now);
    }
  };
  const look = () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => channel.port2.postMessage(null));
  };
  const attributes = { attributes: true, attributeFilter: ["class", "href"] };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true, ...attributes });
  look();
  window.seenRows = () => [...seen].map(([key, at]) => [...key.split(" "), at]);
}

async function endOfInput() {
  for await (const _ of process.stdin);
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--no-proxy-server", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  // A context each: a page in the background would not paint.
  const pages = await Promise.all(
    process.argv.slice(2).map(async (url) => {
      const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
      const page = await context.newPage();
      page.on("pageerror", (error) => console.error(`uncaught: ${error.stack ?? error.message}`));
      page.on("console", (message) => message.type() === "error" && console.error(`console: ${message.text()}`));
      page.on("requestfailed", (request) => console.error(`request failed: ${request.url()}: ${request.failure()?.errorText}`));
      await page.goto(url, { timeout: READY_MS });
      await page.locator(".frame.is-mounted").waitFor({ state: "attached", timeout: READY_MS });
      await page.locator(".top-bar .live-text").getByText("live", { exact: true }).first().waitFor({ timeout: READY_MS });
      await page.evaluate(watchRows);
      return page;
    }),
  );
  console.log("ready");
  await endOfInput();
  const all = [];
  for (const [number, page] of pages.entries()) {
    for (const row of await page.evaluate(() => window.seenRows())) all.push([number, ...row]);
  }
  console.log(JSON.stringify(all));
} finally {
  await browser.close();
}
