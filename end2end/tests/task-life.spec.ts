// One task from the request of a user to its result, as the screen tells it.

import { card, expect, fact, isUnbroken, mark, open, stateOf, taskRow, test } from "../support/test.ts";

test("a registration appears in the open list and its page tells everything", async ({ page, stack }) => {
  await open(page, "/tasks");
  await mark(page);
  const email = `accepted+${Date.now()}@example.org`;
  const { task_id: id } = await stack.post("fastapi", "/register", { name: "Ada Lovelace", email });

  const row = taskRow(page, id);
  await expect(row).toBeVisible();
  await expect(stateOf(row)).toHaveText("Success");
  await expect(row).toContainText("send_welcome_email");
  await expect(row.locator(".col-queue")).toHaveText("mail");
  await expect(row.locator(".col-worker")).toHaveText(stack.node("worker-web"));
  await expect(row.locator(".col-run")).toHaveText(/^[\d.]+ m?s$/);
  await isUnbroken(page);

  await row.getByRole("link").click();
  await expect(page).toHaveURL(`/task/${id}`);
  await isUnbroken(page);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("shop.mail.tasks.send_welcome_email");
  await expect(stateOf(page.locator(".task-head"))).toHaveText("Success");
  await expect(card(page, "Arguments")).toContainText(`('${email}', 'Ada Lovelace')`);
  await expect(card(page, "Result")).toContainText(`'to': '${email}'`);
  const worker = fact(page, "Worker").getByRole("link");
  await expect(worker).toHaveText(stack.node("worker-web"));
  await expect(fact(page, "Queue")).toHaveText("mail");
  await expect(fact(page, "Retries")).toHaveText("0");
  const attempts = card(page, "Attempts").locator("tbody tr:not(.attempt-note)");
  await expect(attempts).toHaveCount(1);
  await expect(attempts.locator(".col-run")).toHaveText(/^[\d.]+ m?s$/);
  const events = await card(page, "Events").locator(".event-kind").allTextContents();
  // Newest first; by the senders' clocks a quick worker may receive before the client has told that it sent.
  expect(events.slice(0, 2)).toEqual(["task-succeeded", "task-started"]);
  expect(events.slice(2).sort()).toEqual(["task-received", "task-sent"]);

  await worker.click();
  await expect(page).toHaveURL(`/worker/${stack.node("worker-web")}`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(stack.node("worker-web"));
});

test("a row and a task's page follow the states of a running task", async ({ page, context, stack }) => {
  await open(page, "/tasks");
  await mark(page);
  const id = await stack.run("fastapi", "slow", { seconds: 6 });
  const row = taskRow(page, id);
  await expect(stateOf(row)).toHaveText("Started");
  // The run time counts while the task runs.
  const elapsed = row.locator(".col-run");
  await expect(elapsed).toHaveText(/^[2-9] s$/);

  const detail = await context.newPage();
  await open(detail, `/task/${id}`);
  await mark(detail);
  await expect(stateOf(detail.locator(".task-head"))).toHaveText("Started");
  await expect(detail.locator(".task-head")).toContainText(/running for \d+ s/);
  await expect(card(detail, "Result")).toHaveCount(0);

  await expect(stateOf(detail.locator(".task-head"))).toHaveText("Success");
  await expect(card(detail, "Result")).toContainText("counted north in 6 s");
  await expect(stateOf(row)).toHaveText("Success");
  await expect(elapsed).toHaveText(/^6\.\d+ s$/);
  await isUnbroken(detail);
  await isUnbroken(page);
});

test("a task that fails shows its exception, its own frames, and folds the library's", async ({ page, stack, dashboard }) => {
  const supplier = `acme-${Date.now()}`;
  const id = await stack.run("fastapi", "fail", { supplier });
  await dashboard.knows(id);
  await open(page, `/task/${id}`);
  await expect(stateOf(page.locator(".task-head"))).toHaveText("Failure");
  const traceback = card(page, "Traceback");
  await expect(traceback.locator(".traceback-kind")).toHaveText("FeedError");
  await expect(traceback.locator(".traceback-message")).toContainText(`feed of '${supplier}', line 4`);

  const own = traceback.locator(".frame-own");
  await expect(own.filter({ hasText: "parse_row" }).last()).toBeVisible();
  await expect(own.filter({ hasText: "shop/catalog/feed.py" }).last()).toContainText("raise FeedError(");
  await expect(own.filter({ hasText: "import_supplier_feed" })).toContainText("shop/catalog/tasks.py");
  await expect(own.filter({ hasText: "celery/app/trace.py" })).toHaveCount(0);

  const library = traceback.locator("details.frame-library").first();
  const frame = library.getByText(/^celery\/app\/trace\.py:\d+$/).first();
  await expect(frame).toBeHidden();
  await expect(library.locator("summary")).toContainText("celery.app.trace");
  await library.locator("summary").click();
  await expect(frame).toBeVisible();

  // The first screen names it too, with a way to it.
  await page.goto("/");
  const failures = card(page, "Newest failures");
  await expect(failures.locator(`a[href="/task/${id}"]`)).toBeVisible();
});

test("a retried task shows every attempt and succeeds in the end", async ({ page, stack, dashboard }) => {
  const email = `refused-2x+${Date.now()}@example.org`;
  const { task_id: id } = await stack.post("fastapi", "/register", { name: "Grace Hopper", email });
  await dashboard.knows(id);
  await open(page, `/task/${id}`);
  await mark(page);
  const state = stateOf(page.locator(".task-head"));
  await expect(state).toHaveText("Retry");
  await expect(state).toHaveText("Success");

  const attempts = card(page, "Attempts").locator("tbody tr:not(.attempt-note)");
  await expect(attempts.locator(".state-word")).toHaveText(["Retry", "Retry", "Success"]);
  await expect(card(page, "Timeline").locator(".timeline-lane")).toHaveCount(3);
  await expect(fact(page, "Retries")).toHaveText("2");
  await expect(card(page, "Result")).toContainText("'attempt': 3");

  // The tracebacks of both failed attempts; which one is shown is in the address.
  const traceback = card(page, "Traceback");
  // What Celery raises to try again names what the task raised.
  await expect(traceback.locator(".traceback-kind")).toHaveText("Retry");
  await expect(traceback.locator(".traceback-message")).toContainText("Retry in 3.0s: SMTPRecipientsRefused");
  await traceback.getByRole("link", { name: "Attempt 1" }).click();
  await expect(page).toHaveURL(`/task/${id}?attempt=1`);
  await expect(traceback).toContainText("attempt 1");
  await isUnbroken(page);
});

test("a task's own state and its own events are shown as they come", async ({ page, context, stack, dashboard }) => {
  const list = await context.newPage();
  await open(list, "/tasks?state=PROGRESS");
  const id = await stack.run("fastapi", "progress", { steps: 12, pause: 0.5 });
  await dashboard.knows(id);
  await open(page, `/task/${id}`);
  await mark(page);
  await expect(stateOf(page.locator(".task-head"))).toHaveText("Progress");
  await expect(taskRow(list, id)).toBeVisible();

  const progress = card(page, "Events").locator("li").filter({ hasText: "task-progress" });
  await expect(progress.first()).toContainText("percent");
  const before = await progress.count();
  await expect.poll(() => progress.count()).toBeGreaterThan(before);

  await expect(stateOf(page.locator(".task-head"))).toHaveText("Success");
  await expect(card(page, "Result")).toContainText("'indexed': 12");
  await expect(progress).toHaveCount(12);
  await expect(taskRow(list, id)).toHaveCount(0);
  await isUnbroken(page);
});

test("the last task of a chain leads to the tasks before it", async ({ page, stack, dashboard }) => {
  const { task_ids: ids } = await stack.post<{ task_ids: [string, string, string] }>("fastapi", "/process", { kind: "chain" });
  const [first, second, third] = ids;
  await dashboard.knows(third);
  await open(page, `/task/${third}`);
  await expect(stateOf(page.locator(".task-head"))).toHaveText("Success");
  const workflow = card(page, "Workflow");
  await expect(workflow.locator("li").filter({ hasText: "root" }).getByRole("link")).toHaveAttribute("href", `/task/${first}`);
  const parent = workflow.locator("li").filter({ hasText: "parent" }).getByRole("link");
  await expect(parent).toHaveAttribute("href", `/task/${second}`);

  await parent.click();
  await expect(page).toHaveURL(`/task/${second}`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("shop.orders.tasks.charge_card");
  await expect(card(page, "Workflow").locator("li").filter({ hasText: "child" }).getByRole("link")).toHaveAttribute("href", `/task/${third}`);
});
