// The search box: it offers what the data holds, says what it can't read and where, and explains itself.

import { accessibilityTrouble, expect, isUnbroken, type Locator, mark, open, type Page, taskRow, test } from "../support/test.ts";
import type { Stack } from "../support/stack.ts";

const NAME = "shop.catalog.tasks.stock_take";

function box(page: Page): Locator {
  return page.getByRole("combobox", { name: "Search tasks" });
}

function list(page: Page): Locator {
  return page.getByRole("listbox", { name: "Suggestions" });
}

function option(page: Page, name: string | RegExp): Locator {
  return list(page).getByRole("option", { name });
}

/** Types as a person would; what is typed is asked about. */
async function type(page: Page, text: string): Promise<void> {
  await box(page).fill("");
  await box(page).pressSequentially(text);
}

/** Runs a task that nobody else has and waits until it is over. */
async function task(page: Page, stack: Stack, warehouse: string): Promise<string> {
  const id = await stack.run("fastapi", "slow", { seconds: 0.1, warehouse });
  await open(page, "/tasks");
  await expect(taskRow(page, id).locator(".state-word").first()).toHaveText("Success");
  return id;
}

function unique(prefix: string): string {
  return `${prefix}${Date.now()}`;
}

test("the keyboard alone finds a task by its type, state and argument", async ({ page, stack }) => {
  const warehouse = `${unique("hall")} north`;
  const id = await task(page, stack, warehouse);
  await mark(page);
  await page.keyboard.press("/");
  await expect(box(page)).toBeFocused();
  await expect(box(page)).toHaveAttribute("aria-expanded", "false");

  // The name of a field, chosen with the arrows.
  await page.keyboard.type("na");
  await expect(option(page, /^name:/)).toBeVisible();
  await expect(box(page)).toHaveAttribute("aria-expanded", "true");
  await page.keyboard.press("ArrowDown");
  await expect(option(page, /^name:/)).toHaveAttribute("aria-selected", "true");
  const active = await option(page, /^name:/).getAttribute("id");
  await expect(box(page)).toHaveAttribute("aria-activedescendant", active ?? "none");
  await page.keyboard.press("Enter");
  await expect(box(page)).toHaveValue("name:");

  // Its value, the first that fits, with Tab.
  await expect(option(page, NAME)).toBeVisible();
  await page.keyboard.type("stock");
  await expect(list(page).getByRole("option")).toHaveCount(1);
  await page.keyboard.press("Tab");
  await expect(box(page)).toHaveValue(`name:=${NAME} `);
  await expect(list(page)).toHaveCount(0);

  await page.keyboard.type("state:succ");
  await expect(option(page, /^Success/)).toBeVisible();
  await page.keyboard.press("Tab");
  await expect(box(page)).toHaveValue(`name:=${NAME} state:success `);

  // A key of the arguments, and a value with a space, which is quoted.
  await page.keyboard.type("kwargs.ware");
  await expect(option(page, /^warehouse/)).toBeVisible();
  await page.keyboard.press("Tab");
  await page.keyboard.type(warehouse.slice(0, -6));
  await expect(option(page, warehouse)).toBeVisible();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  const search = `name:=${NAME} state:success kwargs.warehouse:"${warehouse}"`;
  await expect(box(page)).toHaveValue(`${search} `);

  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(`/tasks?${new URLSearchParams({ search })}`);
  await expect(page.locator(".search-note")).toHaveText("1 match");
  await expect(taskRow(page, id)).toBeVisible();
  await isUnbroken(page);
});

test("numbers beside suggestions are those of the tasks that they find", async ({ page, stack }) => {
  await task(page, stack, unique("count"));
  await type(page, `name:${NAME.slice(0, 12)}`);
  const suggestion = option(page, NAME);
  await expect(suggestion).toBeVisible();
  const count = /([\d,]+) tasks?$/.exec((await suggestion.innerText()).trim())?.[1];
  expect(count).toBeDefined();
  await suggestion.click();
  await expect(box(page)).toBeFocused();
  await box(page).press("Enter");
  await expect(page.locator(".search-note")).toHaveText(`${count} match`);
});

test("Escape closes the list, an arrow opens it, and leaving closes it", async ({ page }) => {
  await open(page, "/tasks");
  await type(page, "sta");
  await expect(option(page, /^state:/)).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(list(page)).toHaveCount(0);
  await expect(box(page)).toHaveValue("sta");
  await expect(box(page)).toHaveAttribute("aria-expanded", "false");
  await page.keyboard.press("ArrowDown");
  await expect(option(page, /^state:/)).toBeVisible();
  await page.keyboard.press("ArrowUp");
  await expect(list(page).getByRole("option").last()).toHaveAttribute("aria-selected", "true");
  await page.keyboard.press("ArrowDown");
  await expect(list(page).locator('[aria-selected="true"]')).toHaveCount(0);
  await page.keyboard.press("Shift+Tab");
  await expect(list(page)).toHaveCount(0);
  await expect(box(page)).not.toBeFocused();
});

test("an answer to what is no longer typed is dropped", async ({ page }) => {
  await open(page, "/tasks");
  // The first answer comes after the second one.
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const late = page.waitForResponse((response) => response.url().includes("text=nam&"));
  await page.route("**/api/v1/search/suggestions?text=nam&*", async (route) => {
    await held;
    await route.continue();
  });
  const asked = page.waitForRequest((request) => request.url().includes("text=nam&"));
  await box(page).fill("nam");
  await asked;
  await box(page).fill("wor");
  await expect(option(page, /^worker:/)).toBeVisible();
  release();
  await (await late).finished();
  await expect(option(page, /^worker:/)).toBeVisible();
  await expect(option(page, /^name:/)).toHaveCount(0);
});

test("a search that can't be read says where, until it is mended", async ({ page }) => {
  await open(page, "/tasks");
  await mark(page);
  const trouble = page.locator("#search-error");
  for (const [search, at, marked, why] of [
    ["name:mail runtime:>5x", 21, "x", "Expected a unit: ms, s, m, h or d"],
    ["state:failure -", 15, "-", "- must be followed directly by a search term"],
    ["runtme:>5", 1, "runtme:>5", "There is no field 'runtme'; did you mean runtime:"],
    ["received:2026-02-30", 18, "30", "Expected a day from 01 to 28"],
  ] as const) {
    await box(page).fill(search);
    await box(page).press("Enter");
    await expect(trouble).toContainText(`Search can’t be read at character ${at}`);
    await expect(trouble).toContainText(why);
    await expect(trouble.locator("mark")).toHaveText(marked);
    await expect(box(page)).toHaveAttribute("aria-invalid", "true");
    await expect(page).toHaveURL("/tasks");
  }
  expect(await accessibilityTrouble(page)).toEqual([]);
  await box(page).fill("received:2026-02-28");
  await expect(trouble).toHaveText("");
  await box(page).press("Enter");
  await expect(page).toHaveURL("/tasks?search=received%3A2026-02-28");
  await isUnbroken(page);
});

test("the help lists the syntax, and each example is a search", async ({ page }) => {
  await open(page, "/tasks");
  const help = page.locator("details.syntax");
  const button = help.locator("summary");
  await button.focus();
  await page.keyboard.press("Enter");
  await expect(help.getByRole("heading", { name: "Search syntax" })).toBeVisible();
  expect(await accessibilityTrouble(page)).toEqual([]);
  await page.keyboard.press("Escape");
  await expect(help).not.toHaveAttribute("open");
  await expect(button).toBeFocused();

  await button.click();
  await help.getByRole("link", { name: "received:>-1h" }).click();
  await expect(page).toHaveURL("/tasks?search=received%3A%3E-1h");
  await expect(box(page)).toHaveValue("received:>-1h");
  await expect(help).not.toHaveAttribute("open");
  await expect(page.locator("tr.task-row").first()).toBeVisible();
});

test("a list of the last seconds loses what grows older, while nothing happens", async ({ page, stack }) => {
  const warehouse = unique("age");
  const id = await task(page, stack, warehouse);
  await open(page, `/tasks?${new URLSearchParams({ search: `received:>-15s ${warehouse}` })}`);
  await expect(taskRow(page, id)).toBeVisible();
  await mark(page);
  await expect(taskRow(page, id)).toHaveCount(0);
  await isUnbroken(page);
});

for (const colorScheme of ["light", "dark"] as const) {
  for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
    test.describe(`${colorScheme}, ${viewport.width} px`, () => {
      test.use({ colorScheme, viewport });

      test("the list can be reached, read and clicked", async ({ page, stack }) => {
        await task(page, stack, unique("axe"));
        for (const text of ["st", "state:", "name:", "kwargs.", "received:"]) {
          await type(page, text);
          await expect(list(page)).toBeVisible();
          expect(await accessibilityTrouble(page)).toEqual([]);
          const frame = await list(page).boundingBox();
          expect(frame?.x).toBeGreaterThanOrEqual(0);
          expect((frame?.x ?? 0) + (frame?.width ?? 0)).toBeLessThanOrEqual(viewport.width);
        }
        await type(page, "state:fail");
        await option(page, /^Failure/).click();
        await expect(box(page)).toHaveValue("state:failure ");
        // Nothing can be scrolled sideways.
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        expect(overflow).toBe(0);
      });
    });
  }
}

test.describe("without scripts", () => {
  test.use({ javaScriptEnabled: false });

  test("the box is a plain form and the help opens", async ({ page, stack, dashboard, watch }) => {
    watch.allow(/^request failed: .*\.js: csp$/);
    const id = await stack.run("fastapi", "slow", { seconds: 0.1, warehouse: unique("plain") });
    await dashboard.knows(id);
    await page.goto("/tasks");
    const plain = page.getByRole("searchbox", { name: "Search tasks" });
    await plain.fill(`id:${id} -state:orphaned`);
    await plain.press("Enter");
    await expect(page.locator("tr.task-row")).toHaveCount(1);
    await page.locator("details.syntax > summary").click();
    await page.locator("details.syntax").getByRole("link", { name: "retries:>2" }).click();
    await expect(page).toHaveURL("/tasks?search=retries%3A%3E2");
  });
});
