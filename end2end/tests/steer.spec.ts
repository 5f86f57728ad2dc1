// Acting from the pages: revoke, terminate, retry, edit and retry, bulks, pools and consumers.

import { until } from "../support/program.ts";
import type { Dashboard } from "../support/dashboard.ts";
import { accessibilityTrouble, card, expect, isUnbroken, type Locator, mark, open, type Page, stateOf, taskRow, test } from "../support/test.ts";

// Pools and queues of this worker are changed here, so nobody else may depend on it.
test.use({ components: ["redis", "smtp", "fastapi", "worker-web"] });

/** The words of the newest toast. */
function toast(page: Page): Locator {
  return page.locator(".toasts .toast").last();
}

function dialog(page: Page): Locator {
  return page.locator("dialog[open]");
}

async function over(dashboard: Dashboard, id: string, state: string): Promise<void> {
  await until(`task ${id} to be ${state}`, async () => {
    const task = await dashboard.get<{ state: string }>(`/api/task/info/${id}`);
    return task.state === state || undefined;
  });
}

/** The id of the task that a toast or a page links to. */
async function linked(link: Locator): Promise<string> {
  const address = await link.getAttribute("href");
  return decodeURIComponent(address!.replace("/task/", ""));
}

test("a task that waits for its time is revoked, and the page says that it will be dropped", async ({ page, stack, dashboard }) => {
  const { tasks } = await stack.post<{ tasks: { remind: string } }>("fastapi", "/register", {
    name: "Ada Lovelace",
    email: `accepted+${Date.now()}@example.org`,
    remind: true,
  });
  const id = tasks.remind;
  await dashboard.knows(id);
  await open(page, `/task/${id}`);
  await mark(page);
  await expect(stateOf(page.locator(".task-head"))).toHaveText("Received");
  await page.getByRole("button", { name: "Revoke", exact: true }).click();
  await expect(toast(page)).toContainText(stack.node("worker-web"));
  await expect(page.locator(".task-note")).toContainText("Revoked: will be dropped at its ETA");
  await expect(page.getByRole("button", { name: "Revoke", exact: true })).toHaveCount(0);
  await isUnbroken(page);
});

test("a running task is terminated by the signal that was chosen", async ({ page, stack, dashboard }) => {
  const id = await stack.run("fastapi", "slow", { seconds: 300 });
  await dashboard.knows(id);
  await open(page, `/task/${id}`);
  await mark(page);
  await expect(stateOf(page.locator(".task-head"))).toHaveText("Started");
  await page.getByRole("button", { name: "Terminate…" }).click();
  await expect(dialog(page)).toContainText("Terminate stock_take");
  // Escape takes the question back, and the focus returns to where it was.
  await page.keyboard.press("Escape");
  await expect(dialog(page)).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Terminate…" })).toBeFocused();
  await page.getByRole("button", { name: "Terminate…" }).click();
  await dialog(page).getByLabel("Signal").selectOption("SIGKILL");
  await dialog(page).getByRole("button", { name: "Terminate", exact: true }).click();
  await expect(dialog(page)).toHaveCount(0);
  await expect(stateOf(page.locator(".task-head"))).toHaveText("Revoked");
  await expect(card(page, "Attempts")).toContainText("terminated by signal 9");
  await isUnbroken(page);
});

test("a failed task is sent once more with the arguments it had, and both tasks link to each other", async ({ page, stack, dashboard }) => {
  const supplier = `retry-${Date.now()}`;
  const id = await stack.run("fastapi", "fail", { supplier });
  await over(dashboard, id, "FAILURE");
  await open(page, `/task/${id}`);
  await page.getByRole("button", { name: "Retry…" }).click();
  await expect(dialog(page)).toContainText("Retry import_supplier_feed");
  await expect(dialog(page).locator(".retry-what")).toContainText(supplier);
  await expect(dialog(page).getByRole("radio", { checked: true })).toHaveCount(1);
  expect(await accessibilityTrouble(page)).toEqual([]);
  await dialog(page).getByRole("button", { name: "Send 1 task to celery" }).click();

  const link = toast(page).getByRole("link", { name: "Open the new task" });
  const again = await linked(link);
  expect(again).not.toBe(id);
  await link.click();
  await expect(page).toHaveURL(`/task/${again}`);
  await expect(card(page, "Arguments")).toContainText(supplier);
  await expect(stateOf(page.locator(".task-head"))).toHaveText("Failure");
  const of = page.locator(".task-retries").getByRole("link");
  expect(await linked(of)).toBe(id);
  await of.click();
  await expect(page).toHaveURL(`/task/${id}`);
  await expect(page.locator(".task-retries")).toContainText("Retried as");
  expect(await linked(page.locator(".task-retries").getByRole("link"))).toBe(again);
});

test("a task is retried with other arguments, and what is no JSON is told at its place", async ({ page, stack, dashboard }) => {
  const id = await stack.run("fastapi", "fail", { supplier: "misprint" });
  await over(dashboard, id, "FAILURE");
  await open(page, `/task/${id}`);
  await page.getByRole("button", { name: "More about this task" }).click();
  await page.getByRole("button", { name: "Edit and retry…" }).click();
  const kwargs = dialog(page).getByLabel("Keyword arguments, a JSON object");
  await expect(kwargs).toHaveValue(/"misprint"/);
  await kwargs.fill('{"supplier": "corrected", "text": tru}');
  await expect(dialog(page).locator(".field-error").filter({ hasText: "Line 1, column" })).toBeVisible();
  // A feed without rows cannot fail.
  await kwargs.fill('{"supplier": "corrected", "text": "sku;title;price\\n"}');
  await dialog(page).getByRole("button", { name: /^Send 1 task/ }).click();
  const link = toast(page).getByRole("link", { name: "Open the new task" });
  await link.click();
  await expect(stateOf(page.locator(".task-head"))).toHaveText("Success");
  await expect(card(page, "Arguments")).toContainText("corrected");
  await expect(page.locator(".task-retries")).toContainText("Retry of");
});

test("a new task is sent by its name", async ({ page }) => {
  await open(page, "/tasks");
  await page.getByRole("button", { name: "New task…" }).click();
  await dialog(page).getByLabel("Task type").fill("shop.catalog.tasks.stock_take");
  await dialog(page).getByLabel("Positional arguments, a JSON list").fill('[0.2, "harbour"]');
  await dialog(page).getByRole("button", { name: /^Send 1 task/ }).click();
  await toast(page).getByRole("link", { name: "Open the new task" }).click();
  await expect(stateOf(page.locator(".task-head"))).toHaveText("Success");
  await expect(card(page, "Result")).toContainText("counted harbour in 0.2 s");
});

test("rows are selected by the keyboard and retried together, and each one is accounted for", async ({ page, stack, dashboard }) => {
  const supplier = `bulk${Date.now()}`;
  const ids = await Promise.all([1, 2, 3].map(() => stack.run("fastapi", "fail", { supplier })));
  for (const id of ids) await over(dashboard, id, "FAILURE");
  await open(page, `/tasks?name=shop.catalog.tasks.import_supplier_feed&search=${supplier}`);
  await expect(page.locator("tr.task-row")).toHaveCount(3);
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("Shift+X");
  const bar = page.getByRole("region", { name: "Selected tasks" });
  await expect(bar).toContainText("3 selected");
  await bar.getByRole("button", { name: "Retry 3 failed…" }).click();
  await expect(dialog(page)).toContainText("Retry 3 tasks");
  await dialog(page).getByRole("button", { name: "Retry 3 tasks" }).click();
  // What was begun is not selected any more.
  await expect(bar).toHaveCount(0);
  const progress = page.getByRole("region", { name: "Bulk" });
  await expect(progress).toContainText("Retried 3 tasks");
  await progress.getByText("Task by task").click();
  // The old task and the new one of each.
  await expect(progress.locator("li a")).toHaveCount(6);
  await expect(page.locator("tr.task-row")).toHaveCount(6);
  for (const id of ids) await expect(taskRow(page, id)).toHaveCount(1);
  // It stays while one goes elsewhere, until somebody closes it.
  await page.keyboard.press("g");
  await page.keyboard.press("w");
  await expect(page).toHaveURL("/workers");
  await expect(progress).toContainText("Retried 3 tasks");
  await progress.getByRole("button", { name: "Close" }).click();
  await expect(progress).toHaveCount(0);
});

test("a pool grows and shrinks, and the page follows the worker", async ({ page, stack }) => {
  const web = stack.node("worker-web");
  await open(page, `/worker/${web}`);
  await mark(page);
  const processes = page.getByRole("table", { name: "Processes of the pool" }).locator("tbody tr");
  await expect(processes).toHaveCount(2);
  await page.getByLabel("By", { exact: true }).fill("2");
  await page.getByRole("button", { name: "Grow by 2" }).click();
  await expect(toast(page)).toContainText(`${web}: “pool will grow`);
  await expect(processes).toHaveCount(4);
  await page.getByRole("button", { name: "Shrink by 2" }).click();
  await expect(processes).toHaveCount(2);
  // Started without an autoscaler, it has no bounds to set.
  await expect(card(page, "Autoscale").getByRole("button")).toHaveCount(0);
  await isUnbroken(page);
});

test("a worker consumes another queue, and stops again", async ({ page, stack }) => {
  const web = stack.node("worker-web");
  await open(page, `/worker/${web}?tab=queues`);
  await mark(page);
  const queues = page.getByRole("table", { name: "Queues it consumes" }).locator("tbody th");
  await expect(queues).toHaveText(["celery", "mail"]);
  await page.getByLabel("Queue", { exact: true }).fill("spare");
  await page.getByRole("button", { name: "Consume it" }).click();
  await expect(toast(page)).toContainText(web);
  await expect(queues).toHaveText(["celery", "mail", "spare"]);
  await page.getByRole("button", { name: "Stop consuming spare" }).click();
  await expect(queues).toHaveText(["celery", "mail"]);
  await isUnbroken(page);
});

test("a rate limit that a worker takes is shown as its own", async ({ page, stack }) => {
  const web = stack.node("worker-web");
  await open(page, `/worker/${web}?tab=limits`);
  const row = page.getByRole("row").filter({ hasText: "stock_take" });
  await row.getByRole("button", { name: /^Set limits/ }).click();
  const rate = dialog(page).getByLabel("Rate limit");
  await rate.fill("300/mm");
  await expect(dialog(page)).toContainText("Must be a number a second, or such as 10/m");
  await rate.fill("600/m");
  // The dialog stays for what is not sent yet.
  const soft = dialog(page).getByLabel("Soft limit, seconds");
  const before = await soft.inputValue();
  await soft.fill("45");
  await dialog(page).getByRole("button", { name: "Set rate limit" }).click();
  await expect(toast(page)).toContainText(web);
  await expect(soft).toHaveValue("45");
  await soft.fill(before);
  await dialog(page).getByRole("button", { name: "Set rate limit" }).click();
  await expect(dialog(page)).toHaveCount(0);
  await expect(row.locator(".col-rate")).toHaveText("600/m");
});
