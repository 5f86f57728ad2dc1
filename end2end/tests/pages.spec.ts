// Every page: light and dark, wide and narrow, without a complaint, readable for everybody.

import { join } from "node:path";
import { until } from "../support/program.ts";
import type { Dashboard } from "../support/dashboard.ts";
import type { Stack } from "../support/stack.ts";
import { accessibilityTrouble, expect, isTakenOver, liveState, type Page, test } from "../support/test.ts";

const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 390, height: 844 };

type Known = { web: string; succeeded: string; failed: string; retried: string };
let known: Known;

async function furnish(stack: Stack, dashboard: Dashboard): Promise<Known> {
  const email = `refused-2x+pages${Date.now()}@example.org`;
  const { task_id: retried } = await stack.post("fastapi", "/register", { name: "Grace Hopper", email });
  const failed = await stack.run("fastapi", "fail", { supplier: "acme" });
  const { task_ids } = await stack.post<{ task_ids: string[] }>("fastapi", "/process", { kind: "chord" });
  const succeeded = task_ids[0]!;
  await stack.run("flask", "fetch", { failures: 1 });
  await stack.run("django", "report");
  // Still running while the pages are looked at.
  await stack.run("fastapi", "slow", { seconds: 90 });
  for (const id of [retried, failed, succeeded]) {
    await until(`task ${id} to be over`, async () => {
      const task = await dashboard.get<{ state: string }>(`/api/task/info/${id}`);
      return ["SUCCESS", "FAILURE"].includes(task.state) ? true : undefined;
    });
  }
  return { web: stack.node("worker-web"), succeeded, failed, retried };
}

test.beforeAll(async ({ stack, dashboard }) => {
  known = await furnish(stack, dashboard);
});

const PAGES: { name: string; path: () => string; status?: number }[] = [
  { name: "overview", path: () => "/" },
  { name: "overview-slowest", path: () => "/?types=slowest" },
  { name: "tasks", path: () => "/tasks" },
  { name: "tasks-narrowed", path: () => "/tasks?state=FAILURE&queue=celery&sort=-runtime" },
  { name: "tasks-none", path: () => "/tasks?search=nobody-has-this" },
  { name: "tasks-unreadable", path: () => "/tasks?sort=colour", status: 400 },
  { name: "task-succeeded", path: () => `/task/${known.succeeded}` },
  { name: "task-failed", path: () => `/task/${known.failed}` },
  { name: "task-retried", path: () => `/task/${known.retried}` },
  { name: "task-unknown", path: () => "/task/no-such-task", status: 404 },
  { name: "workers", path: () => "/workers" },
  { name: "workers-none", path: () => "/workers?search=nobody" },
  ...["pool", "tasks", "queues", "limits", "config", "broker", "system"].map((tab) => ({
    name: `worker-${tab}`,
    path: () => `/worker/${known.web}?tab=${tab}`,
  })),
  { name: "worker-unknown", path: () => "/worker/nobody@nowhere", status: 404 },
  { name: "queues", path: () => "/broker" },
  { name: "queues-peek", path: () => "/broker?queue=celery&peek=1" },
  { name: "schedule", path: () => "/schedule" },
  { name: "audit", path: () => "/audit" },
  { name: "gaps", path: () => "/gaps" },
  { name: "undecodable", path: () => "/undecodable" },
  { name: "unknown-path", path: () => "/no/such/page", status: 404 },
];

/** Elements that make the page wider than the screen. */
function tooWide(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    if (document.documentElement.scrollWidth <= window.innerWidth) return [];
    return [...document.querySelectorAll("body *")]
      .filter((element) => element.getBoundingClientRect().right > window.innerWidth + 0.5)
      .map((element) => `${element.tagName.toLowerCase()}.${element.className}`)
      .slice(0, 10);
  });
}

for (const { name, path, status = 200 } of PAGES) {
  test(`${name} is sound in every light and width`, async ({ page, watch }, testInfo) => {
    if (status !== 200) {
      // The document itself, and the browser's remark about it.
      watch.allow(new RegExp(`^answer ${status}: [^ ]*${path().split("?")[0]}`), new RegExp(`^console error: .*status of ${status}`));
    }
    for (const [size, viewport] of Object.entries({ wide: WIDE, narrow: NARROW })) {
      await page.setViewportSize(viewport);
      const response = await page.goto(path());
      expect(response?.status()).toBe(status);
      await isTakenOver(page);
      // On a narrow screen the word is for screen readers only.
      await expect(liveState(page)).toHaveText("live");
      for (const scheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
        await page.screenshot({ path: join(testInfo.project.outputDir, "screens", `${name}-${size}-${scheme}.png`), fullPage: true });
        expect.soft(await accessibilityTrouble(page), `${size} ${scheme}`).toEqual([]);
        expect.soft(await tooWide(page), `too wide: ${size} ${scheme}`).toEqual([]);
      }
    }
  });
}

test("the theme and the zone of times are kept for the next visit, and scripts are not needed to honour them", async ({ page, browser, dashboard }) => {
  await page.goto(`/task/${known.succeeded}`);
  await expect(liveState(page)).toHaveText("live");
  const background = (one: Page) => one.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await background(page);
  await page.getByRole("button", { name: "Theme: system" }).click();
  await page.getByRole("button", { name: "Theme: light" }).click();
  await expect(page.getByRole("button", { name: "Theme: dark" })).toBeVisible();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  const dark = await background(page);
  expect(dark).not.toBe(light);

  const sent = page.locator(".fact").filter({ has: page.getByText("Received", { exact: true }) }).locator("time");
  const [utc, machine] = [await sent.textContent(), await sent.getAttribute("datetime")];
  expect(machine).toContain(`T${utc?.slice(-12)}`);
  await page.getByRole("button", { name: "Local" }).click();
  // The tests' browser lives in Berlin.
  const berlin = new Date(machine!).toLocaleTimeString("en-GB", { timeZone: "Europe/Berlin" });
  await expect(sent).toContainText(berlin);

  const context = await browser.newContext({
    baseURL: dashboard.url,
    javaScriptEnabled: false,
    storageState: await page.context().storageState(),
  });
  const plain = await context.newPage();
  await plain.goto("/");
  await expect(plain.locator("html")).toHaveAttribute("data-theme", "dark");
  expect(await background(plain)).toBe(dark);
  await context.close();
});
