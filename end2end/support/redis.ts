// The little of Redis that tests speak themselves: commands sent in one go, answers counted.

import { connect, type Socket } from "node:net";

export class Redis {
  private readonly socket: Socket;
  private text = "";
  private waiting: { answers: string[]; count: number; resolve: (answers: string[]) => void; reject: (e: Error) => void } | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.receive(text));
    socket.on("error", (error) => this.waiting?.reject(error));
    socket.on("close", () => this.waiting?.reject(new Error("Redis closed the connection")));
  }

  static async connect(port: number): Promise<Redis> {
    const socket = connect(port, "127.0.0.1");
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new Redis(socket);
  }

  /** Sends commands and returns one answer each: `:5`, `+OK`, `-ERR …`. Only commands with answers of one line. */
  pipeline(commands: string[][]): Promise<string[]> {
    if (this.waiting) throw new Error("one pipeline at a time");
    const encoded = commands.map((parts) => {
      const bulk = parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
      return `*${parts.length}\r\n${bulk.join("")}`;
    });
    return new Promise<string[]>((resolve, reject) => {
      this.waiting = { answers: [], count: commands.length, resolve, reject };
      this.socket.write(encoded.join(""));
    }).finally(() => {
      this.waiting = undefined;
    });
  }

  async integer(...command: string[]): Promise<number> {
    const [answer = ""] = await this.pipeline([command]);
    if (!answer.startsWith(":")) throw new Error(`${command[0]} answered ${answer}`);
    return Number(answer.slice(1));
  }

  close(): void {
    this.socket.destroy();
  }

  private receive(text: string): void {
    const lines = (this.text + text).split("\r\n");
    this.text = lines.pop() ?? "";
    const waiting = this.waiting;
    if (!waiting) return;
    waiting.answers.push(...lines);
    if (waiting.answers.length >= waiting.count) waiting.resolve(waiting.answers);
  }
}
