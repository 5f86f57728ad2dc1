// One file is the whole product: copied alone into an empty directory, it runs.

import { copyFile, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BINARY, Dashboard } from "../support/dashboard.ts";
import { accessibilityTrouble, expect, liveState, open, test } from "../support/test.ts";

test.use({ components: ["redis"] });

let directory: string;
let alone: Dashboard;

test.beforeAll(async ({ stack }) => {
  directory = await mkdtemp(join(tmpdir(), "celeriac-alone-"));
  const binary = join(directory, "celeriac");
  await copyFile(BINARY, binary);
  alone = await Dashboard.start({ brokerUrl: stack.brokerUrl, binary, cwd: directory });
});

test.afterAll(async () => {
  await alone?.stop();
  if (directory) await rm(directory, { recursive: true, force: true });
});

test("it serves styled, living pages and needs no other file", async ({ page }) => {
  const assets: { url: string; cache: string; encoding: string; bytes: number }[] = [];
  page.on("response", async (response) => {
    if (!new URL(response.url()).pathname.startsWith("/pkg/")) return;
    const headers = response.headers();
    const { responseBodySize } = await response.request().sizes();
    assets.push({
      url: response.url(),
      cache: headers["cache-control"] ?? "",
      encoding: headers["content-encoding"] ?? "",
      bytes: responseBodySize,
    });
  });
  await open(page, `${alone.url}/workers`);
  await expect(page.getByRole("heading", { level: 2, name: "No workers yet" })).toBeVisible();
  // The stylesheet is there and applies: without it the rail would be above the page, not beside it.
  const [rail, main] = [await page.locator(".rail").boundingBox(), await page.locator("main").boundingBox()];
  expect(rail!.x + rail!.width).toBeLessThanOrEqual(main!.x);

  await expect.poll(() => assets.map(({ url }) => url.replace(/.*\./, "")).sort()).toEqual(["css", "js", "wasm"]);
  for (const asset of assets) {
    expect(asset.cache, asset.url).toBe("public, max-age=31536000, immutable");
    expect(new URL(asset.url).pathname).toMatch(/^\/pkg\/[0-9a-f]{8,}\/app(_bg)?\.(css|js|wasm)$/);
    expect(["br", "gzip", "zstd"], asset.url).toContain(asset.encoding);
  }
  // Another build has other addresses; an old one is not answered with new content.
  const css = assets.find(({ url }) => url.endsWith(".css"))!.url;
  const stale = await page.request.get(css.replace(/\/pkg\/[0-9a-f]+\//, "/pkg/0000000000000000/"));
  expect(stale.status()).toBe(404);
  const document = await page.request.get(`${alone.url}/workers`);
  expect(document.headers()["cache-control"]).toBe("no-cache");
  expect(document.headers()["content-security-policy"]).toContain("default-src 'none'");

  // A second visit takes the bundle from the browser's cache.
  const network = assets.length;
  await page.reload();
  await expect(liveState(page)).toHaveText("live");
  const cached = await page.evaluate(() =>
    performance
      .getEntriesByType("resource")
      .filter((entry) => entry.name.includes("/pkg/"))
      .map((entry) => (entry as PerformanceResourceTiming).transferSize),
  );
  expect(cached.length).toBe(network);
  expect(cached).toEqual(cached.map(() => 0));

  expect(await readdir(directory)).toEqual(["celeriac"]);
});

for (const [path, words] of [
  ["/", "Overview"],
  ["/tasks", "No task was seen yet"],
  ["/workers", "celery -A your_app worker -E"],
  ["/broker", "No queues yet"],
] as const) {
  test(`${path} helps when there is nothing yet`, async ({ page }) => {
    await open(page, path);
    await expect(page.locator("main")).toContainText(words);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      expect.soft(await accessibilityTrouble(page), colorScheme).toEqual([]);
    }
  });
}
