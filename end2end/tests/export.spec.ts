// Taking a list away as a file: it holds what the table shows.

import { readFile } from "node:fs/promises";
import { accessibilityTrouble, expect, open, type Page, test } from "../support/test.ts";
import { SyntheticWorker } from "../support/events.ts";

test.use({ components: ["redis"] });

const TASKS = 30;

test.beforeAll(async ({ stack, dashboard }) => {
  const worker = await SyntheticWorker.connect(stack.port("redis"));
  await worker.finish(TASKS);
  for (const id of worker.ids) await dashboard.knows(id);
  worker.close();
});

/** Opens the form, presses the button and reads what was downloaded. */
async function download(page: Page, choose: () => Promise<void>): Promise<{ name: string; text: string }> {
  await page.locator(".menu.export > summary").click();
  await choose();
  const waiting = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download" }).click();
  const file = await waiting;
  return { name: file.suggestedFilename(), text: await readFile(await file.path(), "utf8") };
}

/** Ids of the rows on the screen, in order. */
async function shownIds(page: Page): Promise<string[]> {
  const links = await page.locator("tr.task-row .col-task a").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
  return links.map((href) => href?.replace("/task/", "") ?? "");
}

test("the file of a list has the rows of the table, in its order, with its columns", async ({ page }) => {
  await open(page, "/tasks?name=lab.load.step_1&state=SUCCESS&sort=received");
  await expect(page.locator("tr.task-row")).toHaveCount(TASKS / 5);
  const { name, text } = await download(page, async () => {
    expect(await accessibilityTrouble(page)).toEqual([]);
  });
  expect(name).toMatch(/^celeriac-tasks-success-\d{4}-\d\d-\d\dT\d\d-\d\dZ\.csv$/);
  const [head, ...lines] = text.trimEnd().split("\r\n");
  expect(head).toBe("state,name,id,queue,worker,retries,received,wait_seconds,runtime_seconds");
  const ids = lines.map((line) => line.split(",")[2]);
  expect(ids).toEqual(await shownIds(page));
  for (const line of lines) expect(line).toMatch(/^SUCCESS,lab\.load\.step_1,.*Z,0\.001,0\.011$/);
  // The page stays, and its form is closed.
  await expect(page).toHaveURL("/tasks?name=lab.load.step_1&state=SUCCESS&sort=received");
  await expect(page.getByRole("button", { name: "Download" })).toBeHidden();
});

test("format, columns and number of rows are those that were chosen", async ({ page }) => {
  await open(page, "/tasks");
  const { name, text } = await download(page, async () => {
    await page.getByRole("combobox", { name: "Format" }).selectOption("ndjson");
    await page.getByRole("spinbutton", { name: "Tasks, at most" }).fill("3");
    for (const column of ["queue", "worker", "retries", "wait_seconds", "runtime_seconds", "received"]) {
      await page.getByRole("checkbox", { name: column, exact: true }).uncheck();
    }
    await page.getByRole("checkbox", { name: "args", exact: true }).check();
  });
  expect(name).toMatch(/^celeriac-tasks-.*\.ndjson$/);
  const rows = text.trimEnd().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(rows).toHaveLength(3);
  for (const row of rows) {
    expect(Object.keys(row)).toEqual(["state", "name", "id", "args"]);
    expect(row.args).toMatch(/^\(\d+,\)$/);
  }
});

test("the audit log is exported as it is narrowed, and without scripts", async ({ browser, dashboard }) => {
  for (const worker of ["one@lab", "two@lab"]) {
    const answer = await fetch(`${dashboard.url}/api/v1/commands`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ping: { workers: [worker] } }),
    });
    expect(answer.ok).toBe(true);
  }
  const context = await browser.newContext({ baseURL: dashboard.url, javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto("/audit?q=two@lab&command=ping");
  const { name, text } = await download(page, async () => {});
  expect(name).toMatch(/^celeriac-audit-.*\.csv$/);
  const lines = text.trimEnd().split("\r\n");
  expect(lines).toHaveLength(2);
  expect(lines[1]).toContain(",ping,two@lab,");
  await context.close();
});
