// Finding tasks: states, search, order, the keyboard, and an address that holds all of it.

import { expect, isUnbroken, liveState, type Locator, mark, open, type Page, stateOf, taskRow, test } from "../support/test.ts";
import type { Stack } from "../support/stack.ts";

/** Ids of the rows on the screen, in order. */
async function ids(page: Page): Promise<string[]> {
  const links = await page.locator("tr.task-row .col-task a").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
  return links.map((href) => href?.replace("/task/", "") ?? "");
}

function states(page: Page): Locator {
  return page.getByRole("navigation", { name: "States" });
}

/** Finds both tasks of a pair: the shop also sends a record of the failure, which holds the word too. */
function searchOf(word: string): string {
  return `${word} name:shop.catalog`;
}

function address(search: string): string {
  return `/tasks?${new URLSearchParams({ search })}`;
}

/** Runs a failing and a succeeding task that nobody else has, and waits for both. */
async function pair(page: Page, stack: Stack, word: string): Promise<{ failed: string; succeeded: string }> {
  const failed = await stack.run("fastapi", "fail", { supplier: word });
  const succeeded = await stack.run("fastapi", "slow", { seconds: 0.2, warehouse: word });
  await open(page, "/tasks");
  await expect(stateOf(taskRow(page, failed))).toHaveText("Failure");
  await expect(stateOf(taskRow(page, succeeded))).toHaveText("Success");
  return { failed, succeeded };
}

function unique(prefix: string): string {
  return `${prefix}${Date.now()}`;
}

test("a state's chip narrows the list, says so in the address, and survives a reload", async ({ page, stack }) => {
  const { failed, succeeded } = await pair(page, stack, unique("chip"));
  await mark(page);
  const chip = states(page).getByRole("link", { name: /^Failure/ });
  await chip.click();
  await expect(page).toHaveURL("/tasks?state=FAILURE");
  await expect(chip).toHaveAttribute("aria-current", "true");
  await expect(taskRow(page, failed)).toBeVisible();
  await expect(taskRow(page, succeeded)).toHaveCount(0);
  const words = await page.locator("tr.task-row .col-state .state-word").allTextContents();
  expect(new Set(words)).toEqual(new Set(["Failure"]));
  await isUnbroken(page);

  // A second state widens it.
  await states(page).getByRole("link", { name: /^Success/ }).click();
  await expect(page).toHaveURL("/tasks?state=FAILURE&state=SUCCESS");
  await expect(taskRow(page, succeeded)).toBeVisible();

  await page.reload();
  await expect(liveState(page)).toHaveText("live");
  await expect(taskRow(page, failed)).toBeVisible();
  await expect(taskRow(page, succeeded)).toBeVisible();

  await page.goBack();
  await expect(page).toHaveURL("/tasks?state=FAILURE");
  await expect(taskRow(page, succeeded)).toHaveCount(0);
  await expect(taskRow(page, failed)).toBeVisible();
});

test("a row enters and leaves a narrowed list as its state changes", async ({ page, stack }) => {
  await open(page, "/tasks?state=STARTED");
  await mark(page);
  const id = await stack.run("fastapi", "slow", { seconds: 4 });
  await expect(taskRow(page, id)).toBeVisible();
  await expect(stateOf(taskRow(page, id))).toHaveText("Started");
  await expect(taskRow(page, id)).toHaveCount(0);
  await expect(page).toHaveURL("/tasks?state=STARTED");
  await isUnbroken(page);

  await states(page).getByRole("link", { name: /^All/ }).click();
  await expect(stateOf(taskRow(page, id))).toHaveText("Success");
});

test("words and fields find tasks; a search that can't be read says where", async ({ page, stack }) => {
  const word = unique("search");
  const { failed, succeeded } = await pair(page, stack, word);
  const box = page.getByRole("combobox", { name: "Search tasks" });

  await box.fill(searchOf(word));
  await box.press("Enter");
  await expect(page).toHaveURL(address(searchOf(word)));
  await expect(page.locator(".search-note")).toHaveText("2 match");
  expect((await ids(page)).sort()).toEqual([failed, succeeded].sort());

  await box.fill(`kwargs:supplier=${word}`);
  await box.press("Enter");
  await expect(page.locator(".search-note")).toHaveText("1 match");
  expect(await ids(page)).toEqual([failed]);

  const before = page.url();
  await box.fill("name:email AND (");
  await box.press("Enter");
  await expect(page.locator("#search-error")).toContainText("Search can’t be read");
  expect(page.url()).toBe(before);
  expect(await ids(page)).toEqual([failed]);

  await box.fill(unique("nobody"));
  await box.press("Enter");
  await expect(page.getByText("No task matches")).toBeVisible();
  await expect(page.locator("#search-error")).toHaveText("");
  await page.goBack();
  await expect.poll(() => ids(page)).toEqual([failed]);
});

test("a column's head sorts, in the address, and a reload shows the same", async ({ page, stack }) => {
  const word = unique("sort");
  const run = (seconds: number) => stack.run("fastapi", "slow", { seconds, warehouse: word });
  const [middle, shortest, longest] = [await run(1.2), await run(0.1), await run(2.4)];
  await open(page, `/tasks?search=${word}`);
  await expect(states(page).getByRole("link", { name: /^Success/ }).locator(".chip-count")).toHaveText("3");
  await expect.poll(() => ids(page)).toEqual([longest, shortest, middle]);

  const head = page.getByRole("columnheader", { name: /^Run/ });
  await head.getByRole("link").click();
  await expect(page).toHaveURL(`/tasks?search=${word}&sort=-runtime`);
  await expect(head).toHaveAttribute("aria-sort", "descending");
  await expect.poll(() => ids(page)).toEqual([longest, middle, shortest]);

  await page.reload();
  await expect(liveState(page)).toHaveText("live");
  expect(await ids(page)).toEqual([longest, middle, shortest]);

  await head.getByRole("link").click();
  await expect(page).toHaveURL(`/tasks?search=${word}&sort=runtime`);
  await expect(head).toHaveAttribute("aria-sort", "ascending");
  await expect.poll(() => ids(page)).toEqual([shortest, middle, longest]);
  await page.goBack();
  await expect.poll(() => ids(page)).toEqual([longest, middle, shortest]);
});

test("the menu sets filters that can be taken away one by one", async ({ page, stack }) => {
  const word = unique("menu");
  const { failed, succeeded } = await pair(page, stack, word);
  await open(page, address(searchOf(word)));
  await page.locator("summary").filter({ hasText: "Filter and sort" }).click();
  await page.getByRole("textbox", { name: "Task type" }).fill("shop.catalog.tasks.stock_take");
  await page.getByRole("textbox", { name: "Queue" }).fill("celery");
  await page.getByRole("combobox", { name: "Order" }).selectOption({ label: "Oldest" });
  await page.getByRole("button", { name: "Apply" }).click();
  const search = new URLSearchParams({ search: searchOf(word) });
  await expect(page).toHaveURL(`/tasks?name=shop.catalog.tasks.stock_take&queue=celery&${search}&sort=received`);
  await expect.poll(() => ids(page)).toEqual([succeeded]);

  await page.getByRole("link", { name: "Remove the filter task shop.catalog.tasks.stock_take" }).click();
  await expect(page).toHaveURL(`/tasks?queue=celery&${search}&sort=received`);
  await expect.poll(() => ids(page)).toEqual([failed, succeeded]);
});

test("p freezes the page and lets it go on", async ({ page, context, stack }) => {
  const word = unique("pause");
  const beside = await context.newPage();
  for (const one of [page, beside]) await open(one, `/tasks?search=${word}`);
  await page.bringToFront();
  await page.keyboard.press("p");
  await expect(liveState(page)).toHaveText("paused");

  const first = await stack.run("fastapi", "slow", { seconds: 0.1, warehouse: word });
  await beside.bringToFront();
  await expect(stateOf(taskRow(beside, first))).toHaveText("Success");
  // By the time a second task is over, the first would long have reached a page that is not frozen.
  const second = await stack.run("fastapi", "slow", { seconds: 0.5, warehouse: word });
  await expect(stateOf(taskRow(beside, second))).toHaveText("Success");
  await page.bringToFront();
  await expect(liveState(page)).toHaveText("paused");
  expect(await ids(page)).toEqual([]);

  await page.keyboard.press("p");
  await expect(liveState(page)).toHaveText("live");
  await expect.poll(() => ids(page)).toEqual([second, first]);
});

test("the keyboard searches, walks, opens and goes", async ({ page, stack }) => {
  const word = unique("keys");
  const { failed, succeeded } = await pair(page, stack, word);
  await open(page, address(searchOf(word)));
  const focused = page.locator("*:focus");

  await page.keyboard.press("/");
  await expect(page.getByRole("combobox", { name: "Search tasks" })).toBeFocused();
  await expect(page.getByRole("combobox", { name: "Search tasks" })).toHaveValue(searchOf(word));
  await page.getByRole("combobox", { name: "Search tasks" }).blur();

  await page.keyboard.press("j");
  await expect(focused).toHaveAttribute("href", `/task/${succeeded}`);
  await page.keyboard.press("j");
  await expect(focused).toHaveAttribute("href", `/task/${failed}`);
  await page.keyboard.press("k");
  await expect(focused).toHaveAttribute("href", `/task/${succeeded}`);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(`/task/${succeeded}`);

  for (const [letter, path, title] of [
    ["w", "/workers", "Workers"],
    ["q", "/broker", "Queues"],
    ["o", "/", "Overview"],
    ["t", "/tasks", "Tasks"],
  ] as const) {
    await page.keyboard.press("g");
    await page.keyboard.press(letter);
    await expect(page).toHaveURL(path);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(title);
  }

  const dialog = page.getByRole("dialog", { name: "Keys" });
  await page.keyboard.press("?");
  await expect(dialog).toBeVisible();
  await expect(dialog).toContainText("Search tasks");
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  // It opens again after it was closed.
  await page.keyboard.press("?");
  await expect(dialog).toBeVisible();
  await dialog.getByRole("button", { name: "Close" }).click();
  await expect(dialog).toBeHidden();
});

test("from a page without a search box its key leads to one", async ({ page }) => {
  await open(page, "/");
  await page.keyboard.press("/");
  await expect(page).toHaveURL("/tasks");
  await expect(page.getByRole("combobox", { name: "Search tasks" })).toBeFocused();
});
