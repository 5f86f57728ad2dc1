// The binary under test, in an empty directory and on a port of its own.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Program, until } from "./program.ts";

export const BINARY = process.env.CELERIAC_BIN ?? fileURLToPath(new URL("../../target/release/celeriac", import.meta.url));

export type DashboardOptions = { brokerUrl: string; resultBackend?: string; binary?: string; cwd?: string; args?: readonly string[]; store?: string };

type Worker = { name: string; status: string; slots: number | null };

export class Dashboard {
  /** Stays the same over restarts. */
  readonly url: string;
  private readonly options: DashboardOptions;
  private readonly dir: string;
  private program: Program;
  private before = "";

  private constructor(options: DashboardOptions, dir: string, program: Program, url: string) {
    this.options = options;
    this.dir = dir;
    this.program = program;
    this.url = url;
  }

  /** Starts it and returns when it listens; whether the broker answers is another matter. */
  static async start(options: DashboardOptions): Promise<Dashboard> {
    const dir = options.cwd ?? (await mkdtemp(join(tmpdir(), "celeriac-dashboard-")));
    const program = launch(options, dir, 0);
    return new Dashboard(options, dir, program, await listening(program));
  }

  /** Waits until the broker answers and all these workers are online and have told their slots. */
  async ready(workers: string[]): Promise<void> {
    await until("the dashboard to know its workers", async () => {
      const health = await fetch(`${this.url}/healthcheck`);
      if (!health.ok) throw new Error(await health.text());
      const known = await this.workers();
      const isReady = (name: string) =>
        known.some((worker) => worker.name === name && worker.status === "online" && worker.slots !== null);
      const missing = workers.filter((name) => !isReady(name));
      if (missing.length > 0) throw new Error(`missing: ${missing.join(", ")}; known: ${JSON.stringify(known)}`);
      return true;
    });
  }

  private async workers(): Promise<Worker[]> {
    const snapshot = await this.get<{ view: { of: { rows: Worker[] } } }>("/api/v1/snapshot?topic=workers");
    return snapshot.view.of.rows;
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.url}${path}`).catch((cause: unknown) => {
      throw new Error(`GET ${path}: no answer; the end of the log:\n${this.log.slice(-4_000)}`, { cause });
    });
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** Waits until it has seen an event of this task. */
  async knows(task: string): Promise<void> {
    await until(`the dashboard to know task ${task}`, async () => (await fetch(`${this.url}/api/task/info/${task}`)).ok || undefined);
  }

  /** Ends it as the kernel would end a process out of memory. */
  async kill(): Promise<void> {
    await this.program.stop("SIGKILL");
  }

  /** Starts it again on the same port. */
  async restart(): Promise<void> {
    this.before += this.program.output;
    this.program = launch(this.options, this.dir, Number(new URL(this.url).port));
    await listening(this.program);
  }

  /** Panics since the start, each by the line that names its place. */
  get panics(): string[] {
    return this.log.match(/^.* panicked at .*$/gm) ?? [];
  }

  get log(): string {
    return `${this.before}${this.program.output}\n${this.program.end ?? "still running"}`;
  }

  async stop(): Promise<void> {
    await this.program.stop();
    if (this.options.cwd === undefined) await rm(this.dir, { recursive: true, force: true });
  }
}

function launch(options: DashboardOptions, cwd: string, port: number): Program {
  const args = ["--broker", options.brokerUrl, "--port", String(port), ...(options.args ?? [])];
  if (options.resultBackend) args.push("--result-backend", options.resultBackend);
  // Nobody's own settings may leak in.
  const own = Object.entries(process.env).filter(([name]) => !/^(CELERY|CELERIAC|FLOWER|LEPTOS)_/.test(name));
  // Only a test of history has one, and never the user's own.
  const env = { ...Object.fromEntries(own), CELERIAC_STORE: options.store ?? "none" };
  return new Program("dashboard", options.binary ?? BINARY, args, { cwd, env });
}

async function listening(program: Program): Promise<string> {
  const found = await program.waitFor((output) => output.match(/listening url=(http:\/\/127\.0\.0\.1:\d+)/), 30_000);
  return found[1]!;
}
