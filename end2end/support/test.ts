// What every spec begins with: a house of real applications, the dashboard on it, and a page that is watched.

import { AxeBuilder } from "@axe-core/playwright";
import { test as base, expect, type Locator, type Page } from "@playwright/test";
import { Dashboard } from "./dashboard.ts";
import { COMPONENTS, type ComponentName, Stack } from "./stack.ts";
import { Watch } from "./watch.ts";

export { expect, type Locator, type Page };

type WorkerOptions = {
  /** What of the stack runs. Specs with the same choice may share one stack. */
  components: readonly ComponentName[];
  /** Further arguments of the dashboard. */
  dashboardArgs: readonly string[];
};
type WorkerFixtures = { stack: Stack; dashboard: Dashboard };
type TestFixtures = { watch: Watch; evidence: void };

export const test = base.extend<TestFixtures, WorkerOptions & WorkerFixtures>({
  components: [COMPONENTS, { option: true, scope: "worker" }],
  dashboardArgs: [[], { option: true, scope: "worker" }],

  stack: [
    async ({ components }, use) => {
      const stack = await Stack.start(components);
      try {
        await use(stack);
      } finally {
        await stack.stop();
      }
    },
    { scope: "worker", timeout: 150_000 },
  ],

  dashboard: [
    async ({ stack, dashboardArgs }, use) => {
      const { brokerUrl, resultBackend } = stack;
      const dashboard = await Dashboard.start({ brokerUrl, resultBackend, args: dashboardArgs });
      try {
        await dashboard.ready(stack.workers);
        await use(dashboard);
      } finally {
        await dashboard.stop();
      }
    },
    { scope: "worker", timeout: 90_000 },
  ],

  baseURL: async ({ dashboard }, use) => use(dashboard.url),

  // A page that complains fails its test, whatever the test is about.
  watch: [
    async ({ page }, use) => {
      const watch = new Watch(page);
      await use(watch);
      expect(watch.complaints, "complaints of the page").toEqual([]);
    },
    { auto: true },
  ],

  evidence: [
    async ({ stack, dashboard }, use, testInfo) => {
      const before = dashboard.panics.length;
      await use();
      expect.soft(dashboard.panics.slice(before), "panics of the dashboard").toEqual([]);
      if (testInfo.status !== testInfo.expectedStatus) {
        await testInfo.attach("dashboard.log", { body: dashboard.log, contentType: "text/plain" });
        await testInfo.attach("stack.log", { body: await stack.logs(), contentType: "text/plain" });
      }
    },
    { auto: true },
  ],
});

/** Opens a page and waits until the browser has taken over and frames arrive. */
export async function open(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await isTakenOver(page);
  await expect(liveState(page)).toHaveText("live");
}

/** Waits until the browser has taken over from the server's HTML. */
export async function isTakenOver(page: Page): Promise<void> {
  await expect(page.locator(".frame.is-mounted")).toBeAttached();
}

/** The word in the top bar that says how fresh the page is. */
export function liveState(page: Page): Locator {
  return page.locator(".top-bar .live-text").getByRole("status");
}

/** Leaves a mark in the page that a reload would wipe out. */
export async function mark(page: Page): Promise<void> {
  await page.evaluate(() => document.documentElement.setAttribute("data-mark", "unbroken"));
}

/** The page has changed by itself since `mark`, not by a reload. */
export async function isUnbroken(page: Page): Promise<void> {
  await expect(page.locator("html")).toHaveAttribute("data-mark", "unbroken");
}

/** The row of a task in a list. */
export function taskRow(page: Page, id: string): Locator {
  return page.locator("tr.task-row").filter({ has: page.locator(`a[href="/task/${id}"]`) });
}

/** The state of a row or of a task's head, as the screen spells it. */
export function stateOf(place: Locator): Locator {
  return place.locator(".state-word").first();
}

/** A part of a page by its title. */
export function card(page: Page, title: string | RegExp): Locator {
  return page.locator("section.card").filter({ has: page.getByRole("heading", { name: title, exact: typeof title === "string" }) });
}

/** The value beside a label. */
export function fact(place: Page | Locator, label: string): Locator {
  return place.locator(".fact").filter({ has: place.getByText(label, { exact: true }) }).locator("dd");
}

/** What a screen reader or a person with weak eyes would stumble over. */
export async function accessibilityTrouble(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.flatMap((violation) =>
    violation.nodes.map((node) => `${violation.impact} ${violation.id}: ${node.target.join(" ")}: ${node.failureSummary}`),
  );
}
