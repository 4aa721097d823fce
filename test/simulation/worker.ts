import { sleep } from "../../src/clock.ts";
import type { Kubelet } from "./kubelet.ts";
import type { Sandbox } from "./machine.ts";
import type { Pod } from "./world.ts";

/** One pod on its node, from its first sandbox to its end. */
export class Worker {
  readonly #pod: Pod;
  readonly #kubelet: Kubelet;
  #sandbox: Sandbox | undefined;
  #isEnding = false;
  #wake: (() => void) | undefined;

  constructor(pod: Pod, kubelet: Kubelet) {
    this.#pod = pod;
    this.#kubelet = kubelet;
  }

  get isReady(): boolean {
    return this.#sandbox !== undefined && !this.#sandbox.dead;
  }

  terminate(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#wake?.();
  }

  renew(): void {
    if (!this.#sandbox) return;
    this.#kubelet.kill(this.#sandbox);
    this.#wake?.();
  }

  async run(): Promise<void> {
    const kubelet = this.#kubelet;
    for (let pause = 500; !this.#isEnding; ) {
      this.#sandbox = await kubelet.setUp(this.#pod);
      if (this.#isEnding) break;
      if (this.#sandbox) {
        pause = 500;
        await this.#woken();
        kubelet.kill(this.#sandbox);
        if (!this.#isEnding) void kubelet.cleanUp(this.#sandbox);
      } else {
        await this.#woken(pause * (0.5 + kubelet.world.time.random()));
        pause = Math.min(10_000, pause * 2);
      }
    }
    for (const sandbox of kubelet.remains(this.#pod.uid)) kubelet.kill(sandbox);
    await Promise.all(kubelet.remains(this.#pod.uid).map((sandbox) => kubelet.cleanUp(sandbox)));
    while (!kubelet.world.podEnded(this.#pod, kubelet.name)) await sleep(kubelet.clock, 1_000);
  }

  /** Until something happens to the pod, or so many milliseconds have passed. */
  async #woken(limit?: number): Promise<void> {
    if (this.#isEnding) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = limit === undefined ? undefined : this.#kubelet.clock.after(limit, resolve);
    await promise;
    timer?.cancel();
    this.#wake = undefined;
  }
}
