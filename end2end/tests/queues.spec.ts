// Is work piling up, of which priority, and does anybody take it?

import { Redis } from "../support/redis.ts";
import { COMPONENTS } from "../support/stack.ts";
import { expect, isUnbroken, type Locator, mark, open, type Page, test } from "../support/test.ts";

// Workers are stopped here, so nobody else may depend on them.
test.use({ components: [...COMPONENTS] });

function queueRow(page: Page, name: string): Locator {
  return page.locator(".queue-table tbody tr").filter({ has: page.getByRole("rowheader", { name, exact: true }) });
}

test("every queue that a worker consumes is listed", async ({ page }) => {
  await open(page, "/broker");
  for (const name of ["celery", "mail", "images", "reports", "errors"]) {
    await expect(queueRow(page, name).locator(".col-ready")).toHaveText("0");
    await expect(queueRow(page, name).locator(".col-workers")).toHaveText("1");
  }
  await expect(page.locator(".page-caption")).toContainText("0 ready");
  await expect(page.locator(".page-caption")).toContainText("5 queues");
});

test("a queue that nobody consumes is marked and grows, and drains when a worker comes", async ({ page, stack }) => {
  await open(page, "/broker");
  await mark(page);
  await stack.control("stop", "worker-images");
  const row = queueRow(page, "images");
  const workers = row.locator(".col-workers");
  await expect(workers).toHaveText("none");
  await expect(workers).not.toHaveClass(/tone-bad/);

  for (let count = 0; count < 7; count += 1) await stack.run("flask", "resize", { title: `picture ${count}` });
  await expect(row.locator(".col-ready")).toHaveText("7");
  await expect(workers).toHaveClass(/tone-bad/);
  const redis = await Redis.connect(stack.port("redis"));
  expect(await redis.integer("LLEN", "images")).toBe(7);
  redis.close();
  // The fullest queue is first, and every page tells how much waits.
  await expect(page.locator(".queue-table tbody th").first()).toHaveText("images");
  await expect(page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: /^Queues/ })).toContainText("7");

  await stack.control("start", "worker-images");
  await expect(row.locator(".col-ready")).toHaveText("0");
  await expect(workers).toHaveText("1");
  await isUnbroken(page);
});

test("messages are counted by priority", async ({ page, stack }) => {
  await open(page, "/broker");
  await mark(page);
  await stack.control("stop", "worker-web");
  const row = queueRow(page, "mail");
  const bar = row.getByRole("img", { name: /^step|^empty/ });
  await expect(bar).toHaveAccessibleName("empty");
  // Kombu sorts priorities into steps: 4 waits in step 3, 9 in step 9.
  for (const priority of [0, 0, 4, 9, 9, 9]) {
    await stack.post("fastapi", "/send-email", { to: "accepted@example.org", priority });
  }
  await expect(row.locator(".col-ready")).toHaveText("6");
  await expect(bar).toHaveAccessibleName("step 0: 2, step 3: 1, step 9: 3");
  // Without colour or pointer: the widths tell the same.
  const widths = await bar.locator(".priority-part").evaluateAll((parts) => parts.map((part) => part.getAttribute("style")));
  expect(widths).toEqual(["width:33.33%", "width:16.67%", "width:50.00%"]);

  await stack.control("start", "worker-web");
  await expect(row.locator(".col-ready")).toHaveText("0");
  await isUnbroken(page);
});

test("the overview names a queue without a worker", async ({ page, stack }) => {
  await stack.control("stop", "worker-images");
  await open(page, "/");
  await mark(page);
  await stack.run("flask", "resize", { title: "nobody scales me" });
  const attention = page.locator(".overview-attention");
  await expect(attention).toContainText("images");
  const queued = page.locator(".overview-tiles").getByRole("link", { name: /Queued/ });
  await expect(queued).toContainText("1");
  await stack.control("start", "worker-images");
  await expect(attention).not.toContainText("images");
  await isUnbroken(page);
});
