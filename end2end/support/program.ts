// A program that a test runs: its output is kept, and it never outlives the test.

import { type ChildProcess, spawn } from "node:child_process";

/** Characters of output that are kept, the newest ones. */
const KEPT = 200_000;

const running = new Set<Program>();
// The last resort, when a test run ends without its teardown.
process.on("exit", () => {
  for (const program of running) program.signal("SIGTERM");
});

export type ProgramOptions = { cwd?: string; env?: NodeJS.ProcessEnv };

export class Program {
  readonly name: string;
  readonly exit: Promise<string>;
  private readonly child: ChildProcess;
  private text = "";
  private ended: string | undefined;

  constructor(name: string, command: string, args: string[], options: ProgramOptions = {}) {
    this.name = name;
    this.child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    running.add(this);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding("utf8");
      stream?.on("data", (text: string) => {
        this.text = (this.text + text).slice(-KEPT);
      });
    }
    this.exit = new Promise((resolve) => {
      const end = (how: string) => {
        this.ended ??= how;
        running.delete(this);
        resolve(this.ended);
      };
      this.child.on("error", (error) => end(`could not be started: ${error.message}`));
      // `close` comes after the last output, unlike `exit`.
      this.child.on("close", (code, signal) => end(signal ? `ended by ${signal}` : `ended with exit code ${code}`));
    });
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  get output(): string {
    return this.text;
  }

  /** How it ended, if it has. */
  get end(): string | undefined {
    return this.ended;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.ended === undefined) this.child.kill(signal);
  }

  /** Ends it, by force if it takes too long, and waits for that. */
  async stop(signal: NodeJS.Signals = "SIGTERM", graceMs = 20_000): Promise<string> {
    this.signal(signal);
    const force = setTimeout(() => this.signal("SIGKILL"), graceMs);
    try {
      return await this.exit;
    } finally {
      clearTimeout(force);
    }
  }

  /** Waits until `find` finds something in the output; fails if the program ends before. */
  async waitFor<T>(find: (output: string) => T | null | undefined, timeoutMs: number): Promise<T> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = find(this.text);
      if (found !== null && found !== undefined) return found;
      if (this.ended !== undefined) throw new Error(`${this.name} ${this.ended}:\n${this.text}`);
      if (Date.now() > deadline) throw new Error(`${this.name} is not ready after ${timeoutMs} ms:\n${this.text}`);
      await pause(50);
    }
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Repeats `ask` until it returns something; the last error tells why it never did. */
export async function until<T>(what: string, ask: () => Promise<T | undefined>, timeoutMs = 60_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last = "nothing was returned";
  while (Date.now() < deadline) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      last = error instanceof Error && error.cause ? `${error}: ${error.cause}` : String(error);
    }
    await pause(100);
  }
  throw new Error(`waited ${timeoutMs} ms in vain for ${what}: ${last}`);
}
