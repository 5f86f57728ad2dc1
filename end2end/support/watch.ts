// Whatever a page complains about: the console, failed requests, broken rules of its own policy.

import type { Page } from "@playwright/test";

export class Watch {
  private readonly seen: string[] = [];
  private readonly allowed: RegExp[] = [];

  constructor(page: Page) {
    page.on("console", (message) => {
      if (["error", "warning", "assert"].includes(message.type())) {
        this.seen.push(`console ${message.type()}: ${message.text()} (${message.location().url})`);
      }
    });
    page.on("pageerror", (error) => this.seen.push(`uncaught: ${error.stack ?? error.message}`));
    page.on("crash", () => this.seen.push("the page crashed"));
    page.on("requestfailed", (request) => {
      const why = request.failure()?.errorText ?? "unknown";
      // A page that is left, or a stream that is closed, ends its requests itself.
      if (why !== "net::ERR_ABORTED") this.seen.push(`request failed: ${request.url()}: ${why}`);
    });
    page.on("response", (response) => {
      if (response.status() >= 400) this.seen.push(`answer ${response.status()}: ${response.url()}`);
    });
  }

  /** A complaint that the test provokes on purpose. */
  allow(...patterns: RegExp[]): void {
    this.allowed.push(...patterns);
  }

  /** Complaints that were not provoked. */
  get complaints(): string[] {
    return this.seen.filter((text) => !this.allowed.some((pattern) => pattern.test(text)));
  }
}
