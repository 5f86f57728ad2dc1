// What will run, did it run, and running it now.

import { accessibilityTrouble, card, expect, type Locator, open, type Page, taskRow, test } from "../support/test.ts";

// The office has entries for beat in its configuration; beat itself is not needed.
test.use({ components: ["redis", "smtp", "fastapi", "worker-web", "django", "worker-office"] });

function entryRow(page: Page, name: string): Locator {
  return page.locator(".entry-table tbody tr").filter({ has: page.getByRole("rowheader", { name, exact: true }) });
}

test("the entries of a worker's configuration are told in words, and run now sends one", async ({ page }) => {
  await open(page, "/schedule");
  await expect(page.locator(".page-caption")).toContainText("3 entries");
  const disk = entryRow(page, "measure-disk");
  await expect(disk.locator(".col-runs")).toContainText("every 10 s");
  await expect(disk.locator(".col-from")).toHaveText("conf");
  const report = entryRow(page, "sales-report");
  await expect(report.locator(".col-runs")).toHaveAttribute("title", /\* \* \* \* \*/);
  await expect(report.locator(".col-next")).toContainText(/in \d+ s|now/);
  expect(await accessibilityTrouble(page)).toEqual([]);

  await entryRow(page, "clean-up").getByRole("button", { name: "Run now…" }).click();
  const question = page.getByRole("dialog", { name: "Run clean-up now" });
  await expect(question).toContainText('once to reports, with kwargs {"keep_minutes":30}');
  await question.getByRole("button", { name: "Send 1 task" }).click();
  await expect(question).toBeHidden();
  const link = page.locator(".toast").getByRole("link");
  const id = (await link.getAttribute("href"))!.replace("/task/", "");
  await page.goto("/tasks");
  await expect(taskRow(page, id)).toContainText("clean_up");
  await expect(taskRow(page, id).locator(".state-word").first()).toHaveText("Success");
});

test("a task with an ETA is listed until it is revoked and dropped", async ({ page, stack }) => {
  const email = `eta${Date.now()}@example.org`;
  const { tasks } = await stack.post<{ tasks: { remind: string } }>("fastapi", "/register", { name: "Ada", email, remind: true });
  await open(page, "/schedule");
  const row = card(page, "Waiting for a time").locator(".waiting-row").filter({ has: page.locator(`a[href="/task/${tasks.remind}"]`) });
  await expect(row).toContainText("remind_of_basket");
  await expect(row.locator(".col-due")).toContainText(/in \d+ s/);
  await expect(row.locator(".col-worker")).toHaveAttribute("title", stack.node("worker-web"));
  await row.getByRole("button", { name: "Revoke" }).click();
  await expect(row.locator(".col-why")).toHaveText("revoked");
  await expect(row.getByRole("button", { name: "Revoke" })).toHaveCount(0);
});

test("the schedule can be read without scripts", async ({ browser, dashboard }) => {
  const context = await browser.newContext({ baseURL: dashboard.url, javaScriptEnabled: false });
  const page = await context.newPage();
  // Without scripts a page does not change; the workers may not have told their configuration yet.
  await expect(async () => {
    await page.goto("/schedule");
    await expect(entryRow(page, "measure-disk")).toContainText("every 10 s", { timeout: 500 });
  }).toPass();
  await expect(page.getByRole("button", { name: "Run now…" })).toHaveCount(0);
  await context.close();
});
