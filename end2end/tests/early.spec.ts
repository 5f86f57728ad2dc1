// A page that is there before what it shows.

import { randomUUID } from "node:crypto";
import { SyntheticWorker, WORKER } from "../support/events.ts";
import { expect, fact, isUnbroken, mark, open, stateOf, test } from "../support/test.ts";

test.use({ components: ["redis"] });

test("an address that was opened too early shows its task as soon as it is known", async ({ page, stack, watch }) => {
  const id = randomUUID();
  watch.allow(new RegExp(`^answer 404: .*/task/${id}$`), /^console error: .*status of 404/);
  await open(page, `/task/${id}`);
  await mark(page);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("This task is not in memory");
  const worker = await SyntheticWorker.connect(stack.port("redis"));
  await worker.finishOne(id);
  worker.close();
  await expect(stateOf(page.locator(".task-head"))).toHaveText("Success");
  await expect(fact(page, "Worker")).toHaveText(WORKER);
  await isUnbroken(page);
});

test("the first worker and the first task appear on pages that had nothing to show", async ({ page, context, stack }) => {
  const workers = await context.newPage();
  const worker = await SyntheticWorker.connect(stack.port("redis"));
  await open(page, "/tasks?name=lab.load.step_1");
  await open(workers, "/workers?search=synthetic");
  for (const one of [page, workers]) await mark(one);
  const before = await page.locator("tr.task-row").count();
  await worker.finish(1);
  worker.close();
  await expect(page.locator("tr.task-row")).toHaveCount(before + 1);
  await expect(workers.locator("tr.worker-row").filter({ hasText: "synthetic" })).toHaveCount(1);
  for (const one of [page, workers]) await isUnbroken(one);
});
