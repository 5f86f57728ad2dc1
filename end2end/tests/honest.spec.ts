// What was missed, what could not be read, and what became of tasks whose worker is gone:
// the screen says so, whatever happened.

import { until } from "../support/program.ts";
import { Redis } from "../support/redis.ts";
import { accessibilityTrouble, card, expect, fact, isUnbroken, type Locator, mark, open, type Page, stateOf, taskRow, test } from "../support/test.ts";

// Workers and connections are killed here, so nobody else may depend on them.
test.use({ components: ["redis", "smtp", "fastapi", "worker-web"], dashboardArgs: ["--orphan-grace", "1"] });

const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 390, height: 844 };

/** Sees the page in both lights and both widths. */
async function isSound(page: Page): Promise<void> {
  for (const viewport of [WIDE, NARROW]) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      expect.soft(await accessibilityTrouble(page), `${viewport.width} px, ${colorScheme}`).toEqual([]);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      expect.soft(width, `width of the page at ${viewport.width} px`).toBeLessThanOrEqual(viewport.width);
    }
  }
  await page.setViewportSize(WIDE);
}

function notice(page: Page, name: RegExp): Locator {
  return page.locator(".top-notices").getByRole("link", { name });
}

/** Publishes a payload on the channel of task events as any program could. */
async function publish(redis: Redis, payload: string): Promise<void> {
  const heard = await redis.integer("PUBLISH", "/0.celeryev/task.started", payload);
  expect(heard, "the dashboard listens").toBeGreaterThan(0);
}

test("what cannot be read is counted, shown by kind with its first bytes, and does no harm", async ({ page, browser, stack, dashboard }) => {
  await open(page, "/undecodable");
  await mark(page);
  await expect(page.getByText("Everything that came could be read")).toBeVisible();
  await expect(notice(page, /could not be read/)).toHaveCount(0);

  const redis = await Redis.connect(stack.port("redis"));
  await publish(redis, "\u001b[31mno JSON at all\u0007 <script>window.wasRun = true</script> \u202etxt");
  await publish(redis, JSON.stringify({ body: "!!! no base64", properties: { body_encoding: "base64" } }));
  for (let times = 0; times < 7; times += 1) await publish(redis, `{"a broken": ${times}`);
  redis.close();

  await expect(notice(page, /^9 messages could not be read$/)).toBeVisible();
  await expect(page.locator(".page-head .page-caption")).toHaveText(/^9 of \d kinds? since the start$/);
  const samples = page.locator(".unreadable-sample");
  const escapes = samples.filter({ hasText: "no JSON at all" });
  await expect(escapes.locator("summary")).toContainText(/\d\d:\d\d:\d\d/);
  await expect(escapes.locator(".code")).toContainText("\\x1b[31mno JSON at all\\x07 <script>");
  await expect(escapes.locator(".code")).toContainText("\\u202e");
  expect(await page.evaluate(() => "wasRun" in window)).toBe(false);
  // Of a kind that comes often the newest are kept.
  await expect(page.locator("section.unreadable").filter({ hasText: "a broken" }).first()).toBeVisible();
  expect(await samples.count()).toBeLessThan(9);
  await isUnbroken(page);
  await isSound(page);

  // The notice leads here from everywhere, and the page needs no script.
  const context = await browser.newContext({ baseURL: dashboard.url, javaScriptEnabled: false });
  const plain = await context.newPage();
  await plain.goto("/tasks");
  await notice(plain, /^9 messages could not be read$/).click();
  await expect(plain).toHaveURL("/undecodable");
  await expect(plain.locator(".unreadable-sample").filter({ hasText: "no JSON at all" })).toHaveCount(1);
  await context.close();

  // Everything else is read as before.
  const id = await stack.run("fastapi", "quote");
  await open(page, "/tasks");
  await expect(stateOf(taskRow(page, id))).toHaveText("Success");
});

test("a cut connection is a gap that every page tells and one page lists", async ({ page, browser, stack, dashboard }) => {
  await open(page, "/");
  await mark(page);
  const banner = page.locator(".banner.is-warning");
  await expect(banner).toHaveCount(0);
  const redis = await Redis.connect(stack.port("redis"));
  // Subscribers of all kinds: the worker's own connection comes back by itself too.
  expect(await redis.integer("CLIENT", "KILL", "TYPE", "pubsub")).toBeGreaterThan(0);
  redis.close();

  await expect(banner).toContainText(/^Events missed, .*\d\d:\d\d:\d\d/);
  await expect(banner).toContainText("The connection to the broker was cut.");
  await expect(notice(page, /^\d gaps? in events in the last hour$/)).toBeVisible();
  // Figures that rest on events of that time are marked.
  const tile = (label: RegExp) => page.locator(".tile").filter({ has: page.locator(".tile-label", { hasText: label }) });
  await expect(tile(/^Finished$/).getByRole("img", { name: /^Incomplete: Events missed/ })).toBeVisible();
  await expect(tile(/^Queued$/).getByRole("img", { name: /^Incomplete/ })).toHaveCount(0);
  await isSound(page);

  await banner.getByRole("link", { name: "Show gaps" }).click();
  await expect(page).toHaveURL("/gaps");
  await isUnbroken(page);
  const rows = page.getByRole("table", { name: "Gaps, newest first" }).locator("tbody tr");
  const row = rows.filter({ hasText: "The connection to the broker was cut." }).first();
  await expect(row.locator(".col-when")).toHaveText(/^\d\d:\d\d:\d\d to \d\d:\d\d:\d\d$/);
  await expect(row.locator(".col-missed")).toHaveText("Events missed");
  await expect(row.getByRole("link", { name: "Tasks of then" })).toHaveAttribute("href", /^\/tasks\?received_start=/);
  // Here the table says more than a banner could.
  await expect(banner).toHaveCount(0);
  await isSound(page);

  await page.goto("/tasks");
  await page.getByRole("button", { name: "Close" }).click();
  await expect(banner).toHaveCount(0);
  await page.reload();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Tasks");
  await expect(banner).toHaveCount(0);
  await expect(page.getByRole("img", { name: /^Tasks may be missing here/ })).toBeVisible();

  const context = await browser.newContext({ baseURL: dashboard.url, javaScriptEnabled: false });
  const plain = await context.newPage();
  await plain.goto("/workers");
  await plain.locator(".banner").getByRole("link", { name: "Show gaps" }).click();
  await expect(plain.getByRole("table", { name: "Gaps, newest first" })).toContainText("The connection to the broker was cut.");
  await context.close();
});

test("arguments fold as a tree, and their text is one click away", async ({ page, stack, dashboard }) => {
  const { task_id: id } = await stack.post("fastapi", "/register", { name: "Ada Lovelace", email: `accepted+tree${Date.now()}@example.org` });
  await dashboard.knows(id);
  await open(page, `/task/${id}`);
  await expect(stateOf(page.locator(".task-head"))).toHaveText("Success");
  const args = card(page, "Arguments").locator(".code-part").first();
  await expect(args.locator(".tree-leaf").nth(1)).toHaveText("'Ada Lovelace'");
  await expect(args.locator(".code")).toBeHidden();
  await args.getByText("As text").click();
  await expect(args.locator(".code")).toContainText("', 'Ada Lovelace')");
  await expect(card(page, "Result").locator(".tree-key").first()).toHaveText(/^'\w+'$/);
  await expect(fact(page, "Known from")).toContainText("task events");
  await isSound(page);
});

test("a worker that is told to stop is stopping until its task ends", async ({ page, stack, dashboard }) => {
  const web = stack.node("worker-web");
  const row = page.locator("tr.worker-row").filter({ has: page.locator(`a[href="/worker/${web}"]`) });
  await open(page, "/workers");
  await mark(page);
  const id = await stack.run("fastapi", "slow", { seconds: 8 });
  await until("the task to run", async () => {
    const task = await dashboard.get<{ state: string }>(`/api/task/info/${id}`);
    return task.state === "STARTED" ? true : undefined;
  });
  const stopped = stack.control("stop", "worker-web");
  await expect(row.locator(".col-status .state-word")).toHaveText("Stopping");
  await expect(row.locator(".col-status .state-badge")).toHaveAttribute("title", /finishes its tasks/);
  await expect(row.locator(".col-active")).toHaveText("1 left");
  await expect(page.locator(".chips").getByRole("link", { name: /^Stopping/ }).locator(".chip-count")).toHaveText("1");
  await expect(page.locator(".page-head .page-caption")).toContainText("(1 stopping)");
  await stopped;
  await expect(row.locator(".col-status .state-word")).toHaveText("Offline");
  await isUnbroken(page);
  await stack.control("start", "worker-web");
  await dashboard.ready([web]);
});

test("a task whose worker was killed is orphaned and its page says what becomes of it", async ({ page, context, stack, dashboard }) => {
  const id = await stack.run("fastapi", "slow", { seconds: 120 });
  await dashboard.knows(id);
  await open(page, `/task/${id}`);
  await mark(page);
  const state = stateOf(page.locator(".task-head"));
  await expect(state).toHaveText("Started");
  const list = await context.newPage();
  await open(list, "/tasks?state=ORPHANED");
  await stack.control("kill", "worker-web");

  await expect(state).toHaveText("Orphaned");
  await expect(page.locator(".task-note")).toContainText(/^The worker process that ran it is gone: it.+\.$/);
  await expect(stateOf(taskRow(list, id))).toHaveText("Orphaned");
  await isUnbroken(page);
  await isSound(page);

  await page.goto("/");
  await expect(card(page, "Needs attention")).toContainText("1 task without its worker");
  await stack.control("start", "worker-web");
  await dashboard.ready([stack.node("worker-web")]);
});
