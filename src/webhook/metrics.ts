import { type Counter, type Histogram, Registry } from "../agent/metrics.ts";

export type Outcome = "admitted" | "warned" | "refused" | "unreadable";

/** Seconds. */
const BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1];

/** What the webhook counts; docs/operate.md lists it. */
export class WebhookMetrics {
  readonly registry = new Registry();
  readonly #reviews: Counter;
  readonly #seconds: Histogram;
  #isTrusted = false;
  #notAfter = 0;

  constructor() {
    const { registry } = this;
    this.#reviews = registry.counter("berth_webhook_reviews_total", "Objects looked at.", ["outcome"]);
    this.#seconds = registry.histogram("berth_webhook_review_seconds", "Time of one.", [], BOUNDS);
    registry.gauge("berth_webhook_trusted", "1 if the API server knows the certificate.", [], () => [
      [[], this.#isTrusted ? 1 : 0],
    ]);
    registry.gauge(
      "berth_webhook_certificate_expiry_timestamp_seconds",
      "When the certificate that is served ends.",
      [],
      () => [[[], this.#notAfter / 1000]],
    );
    registry.gauge("process_resident_memory_bytes", "Memory of the process.", [], () => [
      [[], process.memoryUsage.rss()],
    ]);
  }

  /** `ms`: how long it took, in milliseconds. */
  reviewed(outcome: Outcome, ms: number): void {
    this.#reviews.add([outcome]);
    this.#seconds.observe([], ms / 1000);
  }

  /** Whether the configuration has our certificate, as of the last look at it. */
  trusted(isTrusted: boolean): void {
    this.#isTrusted = isTrusted;
  }

  /** In milliseconds since 1970. */
  serves(notAfter: number): void {
    this.#notAfter = notAfter;
  }
}
