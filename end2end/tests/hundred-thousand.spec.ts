// A list of a hundred thousand tasks: true to the last row, light at every place.

import { SyntheticWorker } from "../support/events.ts";
import { until } from "../support/program.ts";
import { expect, liveState, open, type Page, test } from "../support/test.ts";

test.use({ components: ["redis"], dashboardArgs: ["--max-tasks", "150000"] });

const TASKS = 100_000;
/** Rows that may be in the document, whatever the list's length. */
const MOST_ROWS = 80;

let worker: SyntheticWorker;

test.beforeAll(async ({ stack, dashboard }) => {
  worker = await SyntheticWorker.connect(stack.port("redis"));
  await worker.finish(TASKS);
  await until("the dashboard to know all tasks", async () => {
    const { view } = await dashboard.get<{ view: { of: { stored: number } } }>("/api/v1/snapshot?topic=tasks&limit=1&state=SUCCESS");
    return view.of.stored === TASKS ? true : undefined;
  });
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

/** A row that can be seen. */
type Row = {
  id: string;
  top: number;
  /** Its position in the list by its place on the page. */
  place: number;
};

/** The rows that can be seen, and the pixels free above the first and below the last. */
function rowsOnScreen(page: Page): Promise<{ rows: Row[]; holes: [number, number]; height: number }> {
  return page.evaluate(() => {
    const covered = document.querySelector(".tasks-table thead th")?.getBoundingClientRect().bottom ?? 0;
    const list = document.querySelector(".tasks-table tbody")?.getBoundingClientRect() ?? new DOMRect();
    const seen = [...document.querySelectorAll("tr.task-row")]
      .map((row) => ({ row, box: row.getBoundingClientRect() }))
      .filter(({ box }) => box.top >= covered && box.bottom <= window.innerHeight);
    const [first, last] = [seen[0]?.box, seen.at(-1)?.box];
    return {
      rows: seen.map(({ row, box }) => ({
        id: row.querySelector(".col-task a")?.getAttribute("href")?.replace("/task/", "") ?? "",
        top: box.top,
        place: Math.round((box.top - list.top) / box.height),
      })),
      holes: [
        (first?.top ?? Infinity) - Math.max(covered, list.top),
        Math.min(window.innerHeight, list.bottom) - (last?.bottom ?? 0),
      ],
      height: first?.height ?? 0,
    };
  });
}

/** Waits until the screen is full of rows, and each is the task that belongs at its place; newest first. */
async function expectTrueRows(page: Page): Promise<Row[]> {
  let rows: Row[] = [];
  await expect(async () => {
    const seen = await rowsOnScreen(page);
    rows = seen.rows;
    expect(rows.length).toBeGreaterThan(10);
    expect(Math.max(...seen.holes), `free at the ends: ${seen.holes}`).toBeLessThan(seen.height);
    const newest = worker.ids.length - 1;
    expect(rows.map(({ id }) => newest - worker.ids.indexOf(id))).toEqual(rows.map(({ place }) => place));
    expect(rows.map(({ place }) => place)).toEqual(rows.map((_, index) => rows[0]!.place + index));
  }).toPass({ timeout: 30_000 });
  return rows;
}

test("every task is counted, and any place of the list shows its rows", async ({ page }) => {
  await open(page, "/tasks");
  await expect(page.locator(".page-caption")).toHaveText("100,000 in memory");
  await expect(page.locator(".search-note")).toHaveText("100,000 match");
  await countRows(page);
  expect((await expectTrueRows(page))[0]?.place).toBe(0);

  // As far as some turns of a wheel.
  await page.mouse.move(700, 600);
  for (let turn = 0; turn < 10; turn += 1) await page.mouse.wheel(0, 800);
  await expect.poll(() => page.evaluate(() => window.scrollY)).toBe(8_000);
  const wheeled = await expectTrueRows(page);
  expect(wheeled[0]!.place).toBeGreaterThan(200);

  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.evaluate((top) => window.scrollTo(0, top), Math.round(height / 2));
  const middle = await expectTrueRows(page);
  expect(Math.abs(middle[0]!.place - TASKS / 2)).toBeLessThan(100);

  await page.evaluate((top) => window.scrollTo(0, top), height);
  const end = await expectTrueRows(page);
  expect(end.at(-1)?.id).toBe(worker.ids[0]);

  // Jumps to and fro, faster than rows can come, leave the page whole.
  for (const share of [0.1, 0.9, 0.3, 0.7, 0.2]) {
    await page.evaluate((top) => window.scrollTo(0, top), Math.round(height * share));
  }
  const jumped = await expectTrueRows(page);
  expect(Math.abs(jumped[0]!.place - TASKS * 0.2)).toBeLessThan(100);
  expect(await mostRows(page)).toBeLessThanOrEqual(MOST_ROWS);
  await expect(liveState(page)).toHaveText("live");
});

test("rows that are read stay where they are while new tasks come", async ({ page }) => {
  await open(page, "/tasks");
  await countRows(page);
  await page.evaluate(() => window.scrollTo(0, 60_000));
  const before = await expectTrueRows(page);

  await worker.finish(500);
  const pill = page.getByRole("button", { name: "500 newer" });
  await expect(pill).toBeVisible();
  expect((await rowsOnScreen(page)).rows).toEqual(before);
  await worker.finish(250);
  await expect(page.getByRole("button", { name: "750 newer" })).toBeVisible();
  expect((await rowsOnScreen(page)).rows).toEqual(before);

  await page.getByRole("button", { name: "750 newer" }).click();
  expect((await expectTrueRows(page))[0]?.place).toBe(0);
  expect(await page.evaluate(() => window.scrollY)).toBe(0);
  await expect(page.locator(".newer-pill")).toHaveCount(0);
  await expect(page.locator(".page-caption")).toHaveText("100,750 in memory");

  // At the top the list follows again.
  await worker.finish(3);
  expect((await expectTrueRows(page))[0]?.id).toBe(worker.ids.at(-1));
  expect(await mostRows(page)).toBeLessThanOrEqual(MOST_ROWS);
});

test("a search over all of them finds the one", async ({ page }) => {
  await open(page, "/tasks");
  const box = page.getByRole("combobox", { name: "Search tasks" });
  // Its only argument is its number.
  await box.fill('args:"(77777,)"');
  await box.press("Enter");
  await expect(page.locator(".search-note")).toHaveText("1 match");
  await expect(page.locator("tr.task-row")).toHaveCount(1);
  await expect(page.locator(`tr.task-row a[href="/task/${worker.ids[77_776]}"]`)).toBeVisible();
});
