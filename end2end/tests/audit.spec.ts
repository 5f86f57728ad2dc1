// Who did what: commands of pages and of the API, and what came of them.

import type { Dashboard } from "../support/dashboard.ts";
import { accessibilityTrouble, expect, type Locator, open, type Page, test } from "../support/test.ts";

test.use({ components: ["redis", "smtp", "fastapi", "worker-web"] });

function entries(page: Page, command: string): Locator {
  return page.locator(".audit-row").filter({ has: page.getByRole("rowheader", { name: command, exact: true }) });
}

/** Gives a command by the API and returns its answer's status. */
async function command(dashboard: Dashboard, body: unknown): Promise<number> {
  const answer = await fetch(`${dashboard.url}/api/v1/commands`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return answer.status;
}

test("what was done is written down, narrowed by the address, and live", async ({ page, stack, dashboard }) => {
  const web = stack.node("worker-web");
  await open(page, "/audit");
  expect(await command(dashboard, { ping: { workers: [web] } })).toBe(200);
  const ping = entries(page, "ping").first();
  await expect(ping.locator(".col-result")).toHaveText("Done");
  await expect(ping.locator(".col-target").getByRole("link")).toHaveAttribute("href", `/worker/${web}`);
  await expect(ping.locator(".col-who")).toContainText("local");
  await expect(ping.locator(".col-from")).toContainText("127.0.0.1");
  await expect(ping.locator(".col-from")).toContainText("API");

  // What came to nothing is written down, too.
  await command(dashboard, { pool_grow: { workers: ["nobody@nowhere"], n: 1 } });
  const grow = entries(page, "pool_grow").first();
  await expect(grow.locator(".col-result")).not.toHaveText("Done");
  await expect(grow.locator(".col-message")).not.toBeEmpty();
  expect(await accessibilityTrouble(page)).toEqual([]);

  await page.getByRole("navigation", { name: "Outcomes" }).getByRole("link", { name: /^Done/ }).click();
  await expect(page).toHaveURL("/audit?result=done");
  await expect(entries(page, "pool_grow")).toHaveCount(0);
  await page.getByRole("searchbox", { name: "Narrow the audit log" }).fill("nothing-like-this");
  await expect(page).toHaveURL("/audit?q=nothing-like-this&result=done");
  await expect(page.getByText("No command matches")).toBeVisible();
  await page.getByRole("link", { name: "Show all" }).click();
  await expect(page).toHaveURL("/audit");
  await page.getByRole("combobox", { name: "Command" }).selectOption("pool_grow");
  await expect(page).toHaveURL("/audit?command=pool_grow");
  await expect(entries(page, "ping")).toHaveCount(0);
  await expect(grow).toBeVisible();
});

test("the log can be read and narrowed without scripts", async ({ browser, dashboard, stack }) => {
  const workers = [stack.node("worker-web")];
  for (const kind of ["ping", "enable_events"]) expect(await command(dashboard, { [kind]: { workers } })).toBe(200);
  const context = await browser.newContext({ baseURL: dashboard.url, javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto("/audit");
  await page.getByRole("combobox", { name: "Command" }).selectOption("ping");
  await page.getByRole("button", { name: "Apply" }).click();
  await expect(page).toHaveURL(/command=ping/);
  await expect(entries(page, "ping").first()).toBeVisible();
  await expect(entries(page, "enable_events")).toHaveCount(0);
  await context.close();
});

test("the keys lead to schedule and audit, and small screens keep them behind More", async ({ page }) => {
  await open(page, "/");
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await expect(page).toHaveURL("/schedule");
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await expect(page).toHaveURL("/audit");
  await page.setViewportSize({ width: 390, height: 844 });
  const bar = page.getByRole("navigation", { name: "Screens" });
  await bar.getByText("More").click();
  await bar.getByRole("link", { name: "Schedule" }).click();
  await expect(page).toHaveURL("/schedule");
  await expect(bar.getByRole("link", { name: "Audit" })).toBeHidden();
});
