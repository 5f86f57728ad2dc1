// The broker goes, the dashboard goes: the page says so, and finds back by itself.

import { until } from "../support/program.ts";
import type { Stack } from "../support/stack.ts";
import { expect, isUnbroken, liveState, mark, open, stateOf, taskRow, test } from "../support/test.ts";

test.use({ components: ["redis", "smtp", "fastapi", "worker-web"] });

/** Runs a quick task as soon as the application reaches its broker again. */
function quote(stack: Stack): Promise<string> {
  return until("the application to reach the broker", () => stack.run("fastapi", "quote"));
}

test("without a broker the page says since when; afterwards what was missed", async ({ page, stack }) => {
  const before = await quote(stack);
  await open(page, "/tasks");
  await expect(stateOf(taskRow(page, before))).toHaveText("Success");
  await mark(page);
  await stack.control("stop", "redis");

  const alert = page.getByRole("alert");
  await expect(alert).toContainText(/Broker unreachable since .*\d\d:\d\d:\d\d/);
  await expect(alert).toContainText(/Retrying (in \d+ s|now)/);
  await expect(liveState(page)).toHaveText(/^broker down since .*\d\d:\d\d:\d\d$/);
  await expect(page.locator(".stale-row")).toContainText("broker unreachable");
  // What was known is still there, also after a reload.
  await expect(taskRow(page, before)).toBeVisible();
  await page.reload();
  await expect(alert).toContainText("Broker unreachable since");
  await expect(taskRow(page, before)).toBeVisible();
  await mark(page);

  await stack.control("start", "redis");
  await expect(alert).toHaveCount(0);
  await expect(liveState(page)).toHaveText("live");
  await expect(page.locator(".stale-row")).toHaveCount(0);
  const gap = page.locator(".banner.is-warning");
  await expect(gap).toContainText(/Events missed, .*\d\d:\d\d:\d\d to .*\d\d:\d\d:\d\d\./);
  await expect(gap).toContainText("The broker was unreachable.");

  // The worker needs its time to come back; then its tasks appear.
  const after = await quote(stack);
  await expect(stateOf(taskRow(page, after))).toHaveText("Success", { timeout: 90_000 });
  await isUnbroken(page);

  await gap.getByRole("button", { name: "Close" }).click();
  await expect(gap).toHaveCount(0);
  await page.reload();
  await expect(liveState(page)).toHaveText("live");
  await expect(gap).toHaveCount(0);
});

test("a page outlives the dashboard", async ({ page, stack, dashboard, watch }) => {
  watch.allow(/ERR_CONNECTION_REFUSED/, /ERR_CONNECTION_RESET/, /ERR_INCOMPLETE_CHUNKED_ENCODING/, /ERR_EMPTY_RESPONSE/);
  const before = await quote(stack);
  await open(page, "/tasks");
  await expect(taskRow(page, before)).toBeVisible();
  await mark(page);

  await dashboard.kill();
  await expect(liveState(page)).toHaveText(/^dashboard unreachable since .*\d\d:\d\d:\d\d$/);
  await expect(page.locator(".stale-row")).toContainText("dashboard unreachable");
  await expect(taskRow(page, before)).toBeVisible();

  await dashboard.restart();
  await expect(liveState(page)).toHaveText("live");
  await expect(page.locator(".stale-row")).toHaveCount(0);
  await dashboard.ready(stack.workers);
  const after = await quote(stack);
  await expect(stateOf(taskRow(page, after))).toHaveText("Success");
  // The new process never saw this one, and the page does not pretend.
  await expect(taskRow(page, before)).toHaveCount(0);
  await isUnbroken(page);
});
