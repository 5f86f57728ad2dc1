// Who works, on what, and what happens to the screen when one of them is killed.

import { COMPONENTS } from "../support/stack.ts";
import { card, expect, fact, isUnbroken, type Locator, mark, open, type Page, stateOf, taskRow, test } from "../support/test.ts";

// Workers are killed here, so nobody else may depend on them.
test.use({ components: [...COMPONENTS] });

function workerRow(page: Page, name: string, status: string | RegExp): Locator {
  return page
    .locator("tr.worker-row")
    .filter({ has: page.locator(`a[href="/worker/${name}"]`) })
    .filter({ has: page.locator(".col-status .state-word", { hasText: status }) });
}

function caption(page: Page): Locator {
  return page.locator(".page-head .page-caption");
}

test("all workers are online with their queues, slots and version", async ({ page, stack }) => {
  await open(page, "/workers");
  await expect(caption(page)).toContainText("3 of 3 online");
  for (const [component, queues] of [
    ["worker-web", "celery, mail"],
    ["worker-images", "images"],
    ["worker-office", "reports, errors"],
  ] as const) {
    const row = workerRow(page, stack.node(component), "Online");
    await expect(row).toHaveCount(1);
    // Celery tells its queues in no fixed order.
    const told = await row.locator(".col-queues").textContent();
    expect(told?.split(", ").sort()).toEqual(queues.split(", ").sort());
    await expect(row.locator(".col-active")).toHaveText(/^0 of 2$/);
    await expect(row.locator(".col-version")).toHaveText("5.7.0");
    await expect(row.locator(".col-heartbeat")).toHaveText(/^[0-3] s$/);
  }
});

test("the tasks of a worker started without -E are seen", async ({ page, stack }) => {
  const office = stack.node("worker-office");
  await open(page, `/tasks?worker=${office}`);
  await mark(page);
  const id = await stack.run("django", "invoice", { customer: "Ada Lovelace" });
  await expect(stateOf(taskRow(page, id))).toHaveText("Success");
  await isUnbroken(page);

  await open(page, `/worker/${office}?tab=system`);
  await expect(fact(page, "Task events")).toHaveText("on");
});

test("the figures of a worker move with its work", async ({ page, stack }) => {
  const web = stack.node("worker-web");
  await open(page, "/workers");
  await mark(page);
  const row = workerRow(page, web, "Online");
  const processed = async () => Number((await row.locator(".col-processed").textContent())?.replace(",", ""));
  const before = await processed();
  await stack.run("fastapi", "slow", { seconds: 6 });
  await expect(row.locator(".col-active")).toHaveText(/^1 of 2$/);
  await expect(row.locator(".col-active")).toHaveText(/^0 of 2$/);
  await expect.poll(processed).toBe(before + 1);
  await isUnbroken(page);
});

test("a killed worker is lost without a reload, and a new one takes its place", async ({ page, context, stack }) => {
  const web = stack.node("worker-web");
  const tasks = await context.newPage();
  await open(tasks, `/tasks?worker=${web}`);
  await open(page, "/workers");
  await mark(page);
  await expect(workerRow(page, web, "Online")).toHaveCount(1);
  await stack.control("kill", "worker-web");
  await expect(workerRow(page, web, "Lost")).toHaveCount(1);
  await expect(workerRow(page, web, "Online")).toHaveCount(0);
  await expect(caption(page)).toContainText("2 of 3 online");
  await expect(page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: /^Workers/ })).toContainText("2/3");
  await expect(page.locator(".chips").getByRole("link", { name: /^Lost/ }).locator(".chip-count")).toHaveText("1");

  await stack.control("start", "worker-web");
  await expect(workerRow(page, web, "Online")).toHaveCount(1);
  await isUnbroken(page);
  const next = await stack.run("fastapi", "quote");
  await expect(stateOf(taskRow(tasks, next))).toHaveText("Success");

  // A worker that is told to stop says goodbye.
  await stack.control("stop", "worker-web");
  await expect(workerRow(page, web, "Offline")).toHaveCount(1);
  await stack.control("start", "worker-web");
  await expect(workerRow(page, web, "Online")).toHaveCount(1);
  await isUnbroken(page);
});

test("every tab of a worker's page shows what the worker answered", async ({ page, stack }) => {
  const web = stack.node("worker-web");
  const { pid } = await stack.status("worker-web");
  const id = await stack.run("fastapi", "slow", { seconds: 45 });
  const tab = (label: string | RegExp) => page.getByRole("navigation", { name: "Parts of the worker" }).getByRole("link", { name: label });
  await open(page, `/worker/${web}`);
  await mark(page);
  await expect(stateOf(page.locator(".page-head"))).toHaveText("Online");
  await expect(page.locator(".page-head")).toContainText(/answered \d+ s ago|answered now/);
  await expect(page.locator(".page-head")).toContainText(`pid ${pid}`);
  await expect(fact(page, "Active")).toHaveText(/^1 of 2$/);

  // Pool: two child processes, one of which runs the task.
  const processes = page.getByRole("table", { name: "Processes of the pool" }).locator("tbody tr");
  await expect(processes).toHaveCount(2);
  await expect(processes.locator(`a[href="/task/${id}"]`)).toContainText("stock_take");
  await expect(processes.filter({ hasText: "idle" })).toHaveCount(1);
  await expect(card(page, "Pool")).toContainText("prefork");

  await tab(/^Tasks/).click();
  await expect(page).toHaveURL(`/worker/${web}?tab=tasks`);
  const active = page.getByRole("table", { name: "Active tasks" }).locator("tbody tr");
  await expect(active).toHaveCount(1);
  await expect(active).toContainText('{"seconds":45}');
  await expect(page.getByRole("heading", { name: "Active 1" })).toBeVisible();

  await tab(/^Queues/).click();
  await expect(page.getByRole("table", { name: "Queues it consumes" }).locator("tbody th")).toHaveText(["celery", "mail"]);

  await tab(/^Limits/).click();
  await expect(page.getByRole("table", { name: /^Task types/ })).toContainText("shop.mail.tasks.send_welcome_email");

  await tab("Config").click();
  await expect(card(page, "Configuration")).toContainText("task_default_queue");
  // Celery itself blanks what looks like a secret; nothing else may bring it back.
  await expect(card(page, "Configuration")).toContainText("result_expires");

  await tab("Broker").click();
  await expect(fact(page, "Transport")).toHaveText("redis");
  await expect(fact(page, "Port")).toHaveText(String(stack.port("redis")));

  await tab("System").click();
  await expect(page).toHaveURL(`/worker/${web}?tab=system`);
  await expect(fact(page, "Process id")).toHaveText(String(pid));
  await expect(card(page, "Resources")).toContainText("Most memory resident");
  await isUnbroken(page);

  await page.reload();
  await expect(tab("System")).toHaveAttribute("aria-current", "page");
  await expect(fact(page, "Process id")).toHaveText(String(pid));
});

test("workers are narrowed and sorted by the address", async ({ page, stack }) => {
  await open(page, "/workers");
  const names = () => page.locator("tr.worker-row th a").evaluateAll((all) => all.map((link) => link.getAttribute("title")));
  const [web, images, office] = [stack.node("worker-web"), stack.node("worker-images"), stack.node("worker-office")];
  // A process that was killed is still listed beside its successor for a while.
  await page.goto("/workers?status=online");
  await expect.poll(names).toEqual([images, office, web]);
  await page.getByRole("columnheader", { name: /^Worker/ }).getByRole("link").click();
  await expect(page).toHaveURL("/workers?status=online&sort=-name");
  await expect.poll(names).toEqual([web, office, images]);
  await page.getByRole("searchbox", { name: "Narrow workers" }).fill("mail");
  await expect(page).toHaveURL("/workers?status=online&search=mail&sort=-name");
  await expect.poll(names).toEqual([web]);
  await page.getByRole("searchbox", { name: "Narrow workers" }).fill("nowhere");
  await expect(page.getByText("No worker that is online matches nowhere")).toBeVisible();
});
