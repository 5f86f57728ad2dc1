// Looking into queues, and changing what is in them. What waits is real: the workers are stopped.

import { Redis } from "../support/redis.ts";
import { until } from "../support/program.ts";
import type { Stack } from "../support/stack.ts";
import { accessibilityTrouble, card, expect, type Locator, open, type Page, test } from "../support/test.ts";

// Workers are stopped here, so nobody else may depend on them.
test.use({ components: ["redis", "smtp", "fastapi", "worker-web"] });

function queueRow(page: Page, name: string): Locator {
  return page.locator(".queue-table tbody tr").filter({ has: page.getByRole("rowheader").getByRole("link", { name, exact: true }) });
}

async function act(page: Page, queue: string, item: string): Promise<void> {
  await page.getByRole("button", { name: `Acts on ${queue}`, exact: true }).click();
  await page.getByRole("button", { name: item, exact: true }).click();
}

/** How many messages wait, by Redis itself: all priority steps together. */
async function waiting(stack: Stack, queue: string): Promise<number> {
  const redis = await Redis.connect(stack.port("redis"));
  try {
    let sum = 0;
    for (const suffix of ["", "\x06\x163", "\x06\x166", "\x06\x169"]) sum += await redis.integer("LLEN", `${queue}${suffix}`);
    return sum;
  } finally {
    redis.close();
  }
}

async function mail(stack: Stack, to: string, priority: number): Promise<string> {
  const { task_id } = await stack.post("fastapi", "/send-email", { to, subject: "Grüße 🥔", body: "tea", priority });
  return task_id;
}

test.beforeEach(async ({ stack }) => {
  await stack.control("stop", "worker-web");
});

test.afterEach(async ({ stack }) => {
  // Whatever is left runs, so that the next test begins with empty queues.
  await stack.control("start", "worker-web");
  await until("the queues to drain", async () => {
    const left = (await waiting(stack, "mail")) + (await waiting(stack, "celery"));
    return left === 0 ? true : undefined;
  });
});

test("a queue shows its messages in the order they will run, without taking them", async ({ page, stack }) => {
  const last = await mail(stack, "last@example.org", 9);
  const first = await mail(stack, "first@example.org", 0);
  const second = await mail(stack, "second@example.org", 0);
  await open(page, "/broker");
  await expect(queueRow(page, "mail").locator(".col-ready")).toHaveText("3");
  await act(page, "mail", "Peek");
  await expect(page).toHaveURL("/broker?queue=mail&peek=1");

  const drawer = page.getByRole("complementary", { name: "Messages of mail" });
  const rows = drawer.locator(".message-table tbody tr");
  await expect(rows).toHaveCount(3);
  const ids = rows.locator(".col-id");
  for (const [place, id] of [first, second, last].entries()) await expect(ids.nth(place)).toHaveAttribute("title", id);
  await expect(drawer.locator(".drawer-pages")).toHaveText("1 to 3 of 3");

  // The first one is open; `j` goes on.
  const message = drawer.getByRole("region", { name: "Message" });
  await expect(message.getByRole("heading", { name: "Message 1" })).toBeVisible();
  await expect(message).toContainText("first@example.org");
  await expect(message).toContainText("Grüße 🥔");
  await rows.first().getByRole("button", { name: /send_email/ }).focus();
  await page.keyboard.press("j");
  await expect(message.getByRole("heading", { name: "Message 2" })).toBeVisible();
  await expect(message).toContainText("second@example.org");

  // A step leads to its first message.
  await drawer.getByRole("navigation", { name: "Priority step" }).getByRole("link", { name: "p9 1" }).click();
  await expect(page).toHaveURL("/broker?queue=mail&peek=3");
  await expect(message).toContainText("last@example.org");
  expect(await accessibilityTrouble(page)).toEqual([]);

  await page.keyboard.press("Escape");
  await expect(page).toHaveURL("/broker?queue=mail");
  await expect(drawer).toHaveCount(0);
  expect(await waiting(stack, "mail")).toBe(3);
});

test("one message is deleted and others are moved; the rest stays", async ({ page, stack }) => {
  const deleted = await mail(stack, "deleted@example.org", 3);
  const moved = [await mail(stack, "moved1@example.org", 3), await mail(stack, "moved2@example.org", 3)];
  const kept = await mail(stack, "kept@example.org", 3);
  await open(page, "/broker?queue=mail&peek=1");
  const drawer = page.getByRole("complementary", { name: "Messages of mail" });
  const rows = drawer.locator(".message-table tbody tr");
  const row = (id: string) => rows.filter({ has: page.locator(`[title="${id}"]`) });
  await expect(rows).toHaveCount(4);

  await row(deleted).click();
  await drawer.getByRole("button", { name: "Delete message…" }).click();
  const question = page.getByRole("dialog", { name: "Delete one message" });
  await expect(question).toContainText(deleted);
  await question.getByRole("button", { name: "Delete 1 message" }).click();
  await expect(rows).toHaveCount(3);
  await expect(row(deleted)).toHaveCount(0);
  expect(await waiting(stack, "mail")).toBe(3);

  for (const id of moved) await row(id).getByRole("checkbox").check();
  await drawer.getByRole("button", { name: "Move 2…" }).click();
  const dialog = page.getByRole("dialog", { name: "Move messages of mail" });
  await dialog.getByRole("combobox", { name: "Into queue" }).fill("mail");
  await expect(dialog).toContainText("They are in this queue already");
  await dialog.getByRole("combobox", { name: "Into queue" }).fill("parked");
  await expect(dialog).toContainText("No queue is called parked so far");
  await dialog.getByRole("button", { name: "Move 2 messages to parked" }).click();
  await expect(dialog).toBeHidden();
  await expect(rows).toHaveCount(1);
  await expect(row(kept)).toHaveCount(1);
  expect(await waiting(stack, "mail")).toBe(1);
  expect(await waiting(stack, "parked")).toBe(2);

  // And all of them back.
  await page.goto("/broker?queue=parked");
  await expect(queueRow(page, "parked").locator(".col-workers")).toHaveText(/none|unknown/);
  await act(page, "parked", "Move messages…");
  const back = page.getByRole("dialog", { name: "Move messages of parked" });
  await back.getByRole("combobox", { name: "Into queue" }).fill("mail");
  await back.getByRole("button", { name: "Move all messages to mail" }).click();
  await expect(back).toBeHidden();
  expect(await waiting(stack, "parked")).toBe(0);
  expect(await waiting(stack, "mail")).toBe(3);
});

test("a purge wants the name typed, tells the count of now, and can be taken back", async ({ page, stack }) => {
  for (let number = 0; number < 5; number += 1) await mail(stack, `purged${number}@example.org`, 3);
  await open(page, "/broker");
  await act(page, "mail", "Purge…");
  const dialog = page.getByRole("dialog", { name: "Purge mail" });
  await expect(dialog).toContainText("5 messages");
  await expect(dialog).toContainText(/Count read/);
  expect(await accessibilityTrouble(page)).toEqual([]);
  // The count follows the queue while the dialog is open.
  await mail(stack, "late@example.org", 0);
  const purge = dialog.getByRole("button", { name: "Purge 6 messages" });
  await expect(purge).toBeDisabled();
  await dialog.getByRole("textbox", { name: "Type mail to confirm" }).fill("mai");
  await expect(purge).toBeDisabled();
  await dialog.getByRole("textbox", { name: "Type mail to confirm" }).fill("mail");
  await purge.click();
  await expect(dialog).toBeHidden();
  expect(await waiting(stack, "mail")).toBe(0);

  const toast = page.locator(".toast");
  await expect(toast).toContainText("Purged 6 messages from mail");
  await expect(toast.getByRole("button", { name: "Put 6 messages back" })).toBeVisible();
  // The list of purges stays when the toast is gone, and survives a reload.
  await page.reload();
  const purges = card(page, "Purges that can be taken back");
  await expect(purges).toContainText("6 messages by local");
  await purges.getByRole("button", { name: "Put 6 messages back" }).click();
  await expect(purges).toHaveCount(0);
  expect(await waiting(stack, "mail")).toBe(6);
  await expect(queueRow(page, "mail").locator(".col-ready")).toHaveText("6");
});

test("a paused queue keeps its messages until it is resumed", async ({ page, stack }) => {
  await stack.control("start", "worker-web");
  await open(page, "/broker");
  const row = queueRow(page, "mail");
  await expect(row.locator(".col-workers")).toHaveText("1");
  await act(page, "mail", "Pause…");
  const question = page.getByRole("dialog", { name: "Pause mail" });
  await expect(question).toContainText("1 worker stops taking messages from mail");
  await question.getByRole("button", { name: "Pause mail" }).click();
  await expect(row.locator(".paused-tag")).toBeVisible();
  await expect(row.locator(".col-workers")).toHaveText("none");

  await mail(stack, "waits@example.org", 3);
  await expect(row.locator(".col-ready")).toHaveText("1");
  // Nobody takes it, and that is what was wanted: it is no trouble.
  await expect(row.locator(".col-workers")).not.toHaveClass(/tone-bad/);

  await act(page, "mail", "Resume");
  await expect(row.locator(".col-ready")).toHaveText("0");
  await expect(row.locator(".paused-tag")).toHaveCount(0);
  await expect(row.locator(".col-workers")).toHaveText("1");
});
