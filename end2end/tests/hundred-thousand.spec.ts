// A list of a hundred thousand tasks: true to the last row, light at every place.

import { SyntheticWorker } from "../support/events.ts";
import { expect, liveState, open, type Page, test } from "../support/test.ts";

test.use({ components: ["redis"], dashboardArgs: ["--max-tasks", "150000"] });

const TASKS = 100_000;
/** Rows that may be in the document, whatever the list's length. */
const MOST_ROWS = 80;

let worker: SyntheticWorker;

test.beforeAll(async ({ stack, dashboard }) => {
  // Named so that the fixture runs: events published before it listens would be lost.
  expect(dashboard.url).toContain("http");
  worker = await SyntheticWorker.connect(stack.port("redis"));
  await worker.finish(TASKS);
});

test.afterAll(() => worker.close());

/** Counts the rows in the document after every change of it, and keeps the most. */
async function countRows(page: Page): Promise<void> {
  await page.evaluate(() => {
    const count = () => {
      const rows = document.querySelectorAll(".tasks-table tbody tr:not(.spacer)").length;
      const most = Number(document.documentElement.getAttribute("data-most-rows") ?? 0);
      document.documentElement.setAttribute("data-most-rows", String(Math.max(most, rows)));
    };
    count();
    new MutationObserver(count).observe(document.body, { childList: true, subtree: true });
  });
}

async function mostRows(page: Page): Promise<number> {
  return Number(await page.locator("html").getAttribute("data-most-rows"));
}

type Row = { id: string; top: number };

/** The rows that can be seen, with their place on the screen. */
async function rowsOnScreen(page: Page): Promise<Row[]> {
  return await page.evaluate(() => {
    const covered = document.querySelector(".tasks-table thead")?.getBoundingClientRect().bottom ?? 0;
    return [...document.querySelectorAll("tr.task-row")]
      .map((row) => ({
        id: row.querySelector(".col-task a")?.getAttribute("href")?.replace("/task/", "") ?? "",
        top: row.getBoundingClientRect().top,
        bottom: row.getBoundingClientRect().bottom,
      }))
      .filter(({ top, bottom }) => top >= covered && bottom <= window.innerHeight)
      .map(({ id, top }) => ({ id, top }));
  });
}

/** Waits until the screen is full of rows and each is the one that belongs there; newest first. */
async function expectRowsFrom(page: Page, first: number, tolerance: number): Promise<Row[]> {
  await expect(async () => {
    const blank = await page.locator(".blank-row").evaluateAll((all) =>
      all.filter((row) => row.getBoundingClientRect().bottom > 0 && row.getBoundingClientRect().top < window.innerHeight).length,
    );
    expect(blank, "rows not loaded").toBe(0);
    const rows = await rowsOnScreen(page);
    expect(rows.length).toBeGreaterThan(15);
    // Positions in the list, where the newest task has position 0.
    const positions = rows.map((row) => worker.ids.length - 1 - worker.ids.indexOf(row.id));
    const start = positions[0]!;
    expect(positions).toEqual(positions.map((_, index) => start + index));
    expect(Math.abs(start - first), `starts at ${start}, expected ${first}`).toBeLessThanOrEqual(tolerance);
  }).toPass({ timeout: 30_000 });
  return await rowsOnScreen(page);
}

test("every task is counted, and any place of the list shows its rows", async ({ page }) => {
  await open(page, "/tasks");
  await expect(page.locator(".page-caption")).toHaveText("100,000 in memory");
  await expect(page.locator(".search-note")).toHaveText("100,000 match");
  await countRows(page);
  await expectRowsFrom(page, 0, 0);

  // As far as some turns of a wheel.
  await page.mouse.move(700, 600);
  for (let turn = 0; turn < 10; turn += 1) await page.mouse.wheel(0, 800);
  const rowHeight = await page.locator("tr.task-row").first().evaluate((row) => row.getBoundingClientRect().height);
  const scrolled = await page.evaluate(async () => {
    // Smooth scrolling ends when two frames in a row stay in place.
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    for (let before = -1; before !== window.scrollY; ) {
      before = window.scrollY;
      for (let count = 0; count < 10; count += 1) await frame();
    }
    return window.scrollY;
  });
  expect(scrolled).toBeGreaterThan(5_000);
  await expectRowsFrom(page, Math.round(scrolled / rowHeight), 12);

  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.evaluate((top) => window.scrollTo(0, top), Math.round(height / 2));
  await expectRowsFrom(page, TASKS / 2, 100);

  await page.evaluate((top) => window.scrollTo(0, top), height);
  await expect(async () => {
    const rows = await rowsOnScreen(page);
    expect(rows.at(-1)?.id).toBe(worker.ids[0]);
  }).toPass();
  const end = await rowsOnScreen(page);
  await expectRowsFrom(page, TASKS - end.length, 1);

  // Jumps to and fro, faster than rows can come, leave the page whole.
  for (const share of [0.1, 0.9, 0.3, 0.7, 0.2]) {
    await page.evaluate((top) => window.scrollTo(0, top), Math.round(height * share));
  }
  await expectRowsFrom(page, TASKS * 0.2, 100);
  expect(await mostRows(page)).toBeLessThanOrEqual(MOST_ROWS);
  await expect(liveState(page)).toHaveText("live");
});

test("rows that are read stay where they are while new tasks come", async ({ page }) => {
  await open(page, "/tasks");
  await countRows(page);
  await page.evaluate(() => window.scrollTo(0, 60_000));
  const before = await expectRowsFrom(page, 60_000 / 32, 200);

  await worker.finish(500);
  const pill = page.getByRole("button", { name: "500 newer" });
  await expect(pill).toBeVisible();
  expect(await rowsOnScreen(page)).toEqual(before);
  await worker.finish(250);
  await expect(page.getByRole("button", { name: "750 newer" })).toBeVisible();
  expect(await rowsOnScreen(page)).toEqual(before);

  await page.getByRole("button", { name: "750 newer" }).click();
  await expectRowsFrom(page, 0, 0);
  expect(await page.evaluate(() => window.scrollY)).toBe(0);
  await expect(page.locator(".newer-pill")).toHaveCount(0);
  await expect(page.locator(".page-caption")).toHaveText("100,750 in memory");

  // At the top the list follows again.
  await worker.finish(3);
  await expectRowsFrom(page, 0, 0);
  expect(await mostRows(page)).toBeLessThanOrEqual(MOST_ROWS);
});

test("a search over all of them finds the one", async ({ page }) => {
  await open(page, "/tasks");
  const box = page.getByRole("searchbox", { name: "Search tasks" });
  // Its only argument is its number.
  await box.fill('args:"(77777,)"');
  await box.press("Enter");
  await expect(page.locator(".search-note")).toHaveText("1 match");
  await expect(page.locator("tr.task-row")).toHaveCount(1);
  await expect(page.locator(`tr.task-row a[href="/task/${worker.ids[77_776]}"]`)).toBeVisible();
});
