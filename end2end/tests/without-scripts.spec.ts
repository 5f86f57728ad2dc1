// Every page can be read, narrowed and paged without a line of script.

import { until } from "../support/program.ts";
import { card, expect, fact, stateOf, taskRow, test } from "../support/test.ts";

test.use({ javaScriptEnabled: false });

/** Finds the tasks of this file, without the record that the shop sends of a failure. */
const search = `plain${Date.now()} name:shop.catalog`;
const word = search.split(" ")[0]!;
const narrowed = `${new URLSearchParams({ search })}`;
let failed = "";
const succeeded: string[] = [];

test.beforeAll(async ({ stack, dashboard }) => {
  failed = await stack.run("fastapi", "fail", { supplier: word });
  for (let count = 0; count < 5; count += 1) {
    succeeded.push(await stack.run("fastapi", "slow", { seconds: 0.1, warehouse: word }));
  }
  await until("all tasks to be over", async () => {
    const tasks = await dashboard.get<Record<string, { state: string }>>(`/api/tasks?${narrowed}`);
    const over = Object.values(tasks).filter((task) => ["SUCCESS", "FAILURE"].includes(task.state));
    return over.length === 6 ? true : undefined;
  });
});

test.beforeEach(({ watch }) => {
  // The browser refuses the scripts; that is what this file is about.
  watch.allow(/^request failed: .*\.js: csp$/);
});

test("the list shows rows, and links and forms narrow it", async ({ page }) => {
  await page.goto("/tasks");
  await expect(stateOf(taskRow(page, failed))).toHaveText("Failure");
  await expect(stateOf(taskRow(page, succeeded[0]!))).toHaveText("Success");
  await expect(page.locator(".top-bar")).toContainText(/as of .*\d\d:\d\d:\d\d UTC/);
  // What needs scripts is not offered.
  await expect(page.getByRole("button", { name: "Pause" })).toHaveCount(0);
  await expect(page.getByRole("button", { name: /^Theme/ })).toHaveCount(0);

  await page.getByRole("searchbox", { name: "Search tasks" }).fill(search);
  await page.getByRole("searchbox", { name: "Search tasks" }).press("Enter");
  await expect(page).toHaveURL(`/tasks?${narrowed}`);
  await expect(page.locator("tr.task-row")).toHaveCount(6);

  await page.getByRole("navigation", { name: "States" }).getByRole("link", { name: /^Failure/ }).click();
  await expect(page).toHaveURL(`/tasks?state=FAILURE&${narrowed}`);
  await expect(page.locator("tr.task-row")).toHaveCount(1);

  await page.goto(`/tasks?${narrowed}`);
  await page.locator("summary").filter({ hasText: "Filter and sort" }).click();
  await page.getByRole("textbox", { name: "Task type" }).fill("shop.catalog.tasks.stock_take");
  await page.getByRole("combobox", { name: "Order" }).selectOption({ label: "Oldest" });
  await page.getByRole("button", { name: "Apply" }).click();
  await expect(page.locator("tr.task-row")).toHaveCount(5);
  await expect(page.locator("tr.task-row .col-task a").first()).toHaveAttribute("href", `/task/${succeeded[0]}`);
  await page.getByRole("link", { name: /^Remove the filter task/ }).click();
  await expect(page.locator("tr.task-row")).toHaveCount(6);

  await page.getByRole("columnheader", { name: /^Task/ }).getByRole("link").click();
  await expect(page).toHaveURL(`/tasks?${narrowed}&sort=name`);
  await expect(page.locator("tr.task-row .col-task a").first()).toHaveAttribute("href", `/task/${failed}`);
});

test("a long list has pages", async ({ page }) => {
  const seen: (string | null)[] = [];
  const links = page.locator("tr.task-row .col-task a");
  const pages = page.getByRole("navigation", { name: "Pages" });
  await page.goto(`/tasks?${narrowed}&limit=4`);
  await expect(links).toHaveCount(4);
  await expect(pages.getByRole("link", { name: "Page before" })).toHaveCount(0);
  seen.push(...(await links.evaluateAll((all) => all.map((link) => link.getAttribute("href")))));
  await pages.getByRole("link", { name: "Next page" }).click();
  await expect(links).toHaveCount(2);
  seen.push(...(await links.evaluateAll((all) => all.map((link) => link.getAttribute("href")))));
  expect(new Set(seen)).toEqual(new Set([failed, ...succeeded].map((id) => `/task/${id}`)));
  await expect(pages.getByRole("link", { name: "Next page" })).toHaveCount(0);
  await pages.getByRole("link", { name: "Page before" }).click();
  await expect(links).toHaveCount(4);
});

test("a task's page is whole", async ({ page, stack }) => {
  await page.goto(`/task/${failed}`);
  await expect(stateOf(page.locator(".task-head"))).toHaveText("Failure");
  await expect(fact(page, "Worker").getByRole("link")).toHaveText(stack.node("worker-web"));
  await expect(card(page, "Arguments")).toContainText(word);
  const traceback = card(page, "Traceback");
  await expect(traceback.locator(".traceback-kind")).toHaveText("FeedError");
  await traceback.locator("details summary").first().click();
  await expect(traceback.getByText(/^celery\/app\/trace\.py:\d+$/).first()).toBeVisible();
  await expect(page.getByRole("button", { name: "Copy id" })).toHaveCount(0);
});

test("overview, workers, a worker's tabs and queues are whole", async ({ page, stack }) => {
  const web = stack.node("worker-web");
  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Overview");
  await expect(page.locator(".overview-tiles")).toContainText("Workers online");
  await expect(card(page, "Newest failures").locator(`a[href="/task/${failed}"]`)).toBeVisible();

  await page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: /^Workers/ }).click();
  await expect(page.locator("tr.worker-row")).toHaveCount(3);
  await page.locator(`tr.worker-row a[href="/worker/${web}"]`).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(web);
  await page.getByRole("navigation", { name: "Parts of the worker" }).getByRole("link", { name: /^Queues/ }).click();
  await expect(page).toHaveURL(`/worker/${web}?tab=queues`);
  await expect(page.getByRole("table", { name: "Queues it consumes" }).locator("tbody th")).toHaveText(["celery", "mail"]);

  await page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: /^Queues/ }).click();
  await expect(page.locator(".queue-table tbody tr")).toHaveCount(5);
});
