// What somebody sees who may only look: everything, and nothing that steers.

import { until } from "../support/program.ts";
import { expect, open, test } from "../support/test.ts";

test.use({ components: ["redis", "smtp", "fastapi", "worker-web"], dashboardArgs: ["--read-only"] });

test("a viewer finds nothing that steers", async ({ page, stack, dashboard }) => {
  const id = await stack.run("fastapi", "fail", { supplier: "seen" });
  await until(`task ${id} to fail`, async () => {
    const task = await dashboard.get<{ state: string }>(`/api/task/info/${id}`);
    return task.state === "FAILURE" || undefined;
  });
  await open(page, `/task/${id}`);
  await expect(page.getByRole("button", { name: "Copy link" })).toBeVisible();
  await expect(page.getByRole("button", { name: /Retry|Revoke|Terminate/ })).toHaveCount(0);
  await open(page, "/tasks");
  await expect(page.locator(`a[href="/task/${id}"]`)).toBeVisible();
  await expect(page.getByRole("button", { name: "New task…" })).toHaveCount(0);
  await expect(page.getByRole("checkbox")).toHaveCount(0);
  const web = stack.node("worker-web");
  for (const tab of ["pool", "tasks", "queues", "limits"]) {
    await open(page, `/worker/${web}?tab=${tab}`);
    // A ping changes nothing.
    await expect(page.getByRole("button", { name: "Ping" })).toBeVisible();
    await expect(page.getByRole("button", { name: /Grow|Shrink|Consume|Set|Restart|Shut down|Stop|Revoke/ })).toHaveCount(0);
  }
});
