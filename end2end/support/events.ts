// Events as a Celery worker publishes them (celery/events/dispatcher.py, kombu/transport/redis.py),
// for what no real worker could do within the time of a test: a hundred thousand tasks.

import { randomUUID } from "node:crypto";
import { Redis } from "./redis.ts";

/** Events in one `task.multi` message; a worker buffers up to this many (`worker_event` buffer_limit). */
const BATCH = 100;
/** Messages in one write to the socket. */
const WRITE = 50;
/** From one task's start to the next one's: enough for an order by time. */
const SPACING_SECONDS = 0.0001;
/** From a task's receipt to its end. */
const RUN_SECONDS = 0.012;

export const WORKER = "synthetic@lab";
const PID = 4242;

type Event = Record<string, unknown>;

function envelope(routingKey: string, body: unknown): string {
  return JSON.stringify({
    body: Buffer.from(JSON.stringify(body)).toString("base64"),
    "content-encoding": "utf-8",
    "content-type": "application/json",
    headers: { hostname: WORKER },
    properties: {
      delivery_mode: 1,
      delivery_info: { exchange: "celeryev", routing_key: routingKey },
      priority: 0,
      body_encoding: "base64",
      delivery_tag: randomUUID(),
    },
  });
}

/** A worker that exists only in its events. */
export class SyntheticWorker {
  /** The tasks published, oldest first. The argument of each is its number, from 1. */
  readonly ids: string[] = [];
  private readonly redis: Redis;
  private clock = 0;

  private constructor(redis: Redis) {
    this.redis = redis;
  }

  static async connect(redisPort: number): Promise<SyntheticWorker> {
    return new SyntheticWorker(await Redis.connect(redisPort));
  }

  /** Publishes the whole life of `count` tasks, the last of which ends now. */
  async finish(count: number): Promise<void> {
    const start = Date.now() / 1000 - count * SPACING_SECONDS - RUN_SECONDS;
    let events: Event[] = [];
    let messages: string[][] = [];
    const flush = async () => {
      if (messages.length > 0) await this.publish(messages);
      messages = [];
    };
    for (let index = 0; index < count; index += 1) {
      events.push(...this.life(start + index * SPACING_SECONDS));
      if (events.length >= BATCH || index === count - 1) {
        messages.push(["PUBLISH", "/0.celeryev/task.multi", envelope("task.multi", events)]);
        events = [];
        if (messages.length >= WRITE) await flush();
      }
    }
    await flush();
  }

  /** Publishes the whole life of one task with this id. */
  async finishOne(id: string): Promise<void> {
    const events = this.life(Date.now() / 1000 - RUN_SECONDS, id);
    await this.publish([["PUBLISH", "/0.celeryev/task.multi", envelope("task.multi", events)]]);
  }

  close(): void {
    this.redis.close();
  }

  private async publish(messages: string[][]): Promise<void> {
    const answers = await this.redis.pipeline(messages);
    // `:0` says that nobody was subscribed: the events would be lost without a trace.
    const lost = answers.find((answer) => !/^:[1-9]/.test(answer));
    if (lost !== undefined) throw new Error(`PUBLISH answered ${lost}`);
  }

  private life(received: number, uuid: string = randomUUID()): Event[] {
    this.ids.push(uuid);
    const number = this.ids.length;
    const event = (type: string, timestamp: number, fields: Event): Event => {
      this.clock += 1;
      return { hostname: WORKER, utcoffset: 0, pid: PID, clock: this.clock, uuid, ...fields, timestamp, type };
    };
    const message = { root_id: uuid, parent_id: null, retries: 0, eta: null, expires: null };
    return [
      event("task-received", received, { name: `lab.load.step_${number % 5}`, args: `(${number},)`, kwargs: "{}", ...message }),
      event("task-started", received + 0.001, {}),
      event("task-succeeded", received + RUN_SECONDS, { result: String(number), runtime: RUN_SECONDS - 0.001 }),
    ];
  }
}
