// The real applications, workers and Redis of `stack/`, for one test file or several.

import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Program } from "./program.ts";

const END2END = fileURLToPath(new URL("..", import.meta.url));
const PYTHON = join(END2END, ".venv", "bin", "python");
const SCRIPT = join(END2END, "stack", "stack.py");
/** Characters of each log that a failing test shows. */
const LOG_TAIL = 40_000;

export const COMPONENTS = [
  "redis",
  "smtp",
  "fastapi",
  "worker-web",
  "flask",
  "worker-images",
  "django",
  "worker-office",
] as const;
export type ComponentName = (typeof COMPONENTS)[number];

type Component = { name: string; state: string; pid: number | null; url?: string; port?: number; node?: string };
type State = { broker_url: string; result_backend: string; components: Record<string, Component> };

export class Stack {
  readonly names: readonly ComponentName[];
  readonly brokerUrl: string;
  readonly resultBackend: string;
  private readonly program: Program;
  private readonly dir: string;
  private readonly components: Record<string, Component>;

  private constructor(program: Program, dir: string, names: readonly ComponentName[], state: State) {
    this.program = program;
    this.dir = dir;
    this.names = names;
    this.brokerUrl = state.broker_url;
    this.resultBackend = state.result_backend;
    this.components = state.components;
  }

  /** Starts components on free ports and returns when all of them are ready. */
  static async start(names: readonly ComponentName[]): Promise<Stack> {
    const dir = await mkdtemp(join(tmpdir(), "celeriac-stack-"));
    const free = ["redis", "smtp", "fastapi", "flask", "django"].flatMap((name) => [`--${name}-port`, "0"]);
    // Nothing by chance: no traffic, and the mail server refuses only whom a test wants refused.
    const chosen = ["--only", names.join(","), "--traffic-rate", "0", "--refuse", "0", "--data-dir", dir];
    const program = new Program("stack", PYTHON, [SCRIPT, "up", ...free, ...chosen]);
    try {
      await program.waitFor((output) => output.match(/^stack ready$/m), 120_000);
      const state = JSON.parse(await readFile(join(dir, "stack.json"), "utf8")) as State;
      return new Stack(program, dir, names, state);
    } catch (error) {
      await program.stop();
      throw error;
    }
  }

  get workers(): string[] {
    return this.names.filter((name) => name.startsWith("worker-")).map((name) => this.node(name));
  }

  /** The name of a worker as Celery writes it, such as `web@host`. */
  node(name: ComponentName): string {
    const node = this.components[name]?.node;
    if (node === undefined) throw new Error(`${name} is no worker`);
    return node;
  }

  port(name: ComponentName): number {
    const port = this.components[name]?.port;
    if (port === undefined) throw new Error(`${name} listens on no port`);
    return port;
  }

  /** Starts, stops or kills a component and returns when that is done. */
  async control(action: "start" | "stop" | "kill", name: ComponentName): Promise<void> {
    await promisify(execFile)(PYTHON, [SCRIPT, action, name, "--data-dir", this.dir]);
  }

  /** A component as it is now: restarts change its process id. */
  async status(name: ComponentName): Promise<Component> {
    const state = JSON.parse(await readFile(join(this.dir, "stack.json"), "utf8")) as State;
    const component = state.components[name];
    if (component === undefined) throw new Error(`no component ${name}`);
    return component;
  }

  /** Posts to an application and returns its JSON answer. */
  async post<T = { task_id: string }>(app: "fastapi" | "flask" | "django", path: string, body: unknown = {}): Promise<T> {
    const response = await fetch(`${this.components[app]?.url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`POST ${app}${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** Sends a task by its short name and returns its id. */
  async run(app: "fastapi" | "flask" | "django", task: string, kwargs: object = {}): Promise<string> {
    return (await this.post(app, `/run-task/${task}`, kwargs)).task_id;
  }

  /** The ends of all logs, the supervisor's own first. */
  async logs(): Promise<string> {
    const parts = [`== stack\n${this.program.output}`];
    const logs = join(this.dir, "logs");
    for (const name of (await readdir(logs)).sort()) {
      const text = await readFile(join(logs, name), "utf8");
      parts.push(`== ${name}\n${text.slice(-LOG_TAIL)}`);
    }
    return parts.join("\n");
  }

  async stop(): Promise<void> {
    await this.program.stop();
    await rm(this.dir, { recursive: true, force: true });
  }
}
