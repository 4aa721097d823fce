/** Values of the labels, in the order of the names of the metric. */
type Labels = readonly string[];
type Kind = "counter" | "gauge" | "histogram";

/** One sample line without the name of the metric. */
type Sample = { readonly suffix: string; readonly labels: string; readonly value: number };

/**
 * Counters, gauges and histograms in the text format of Prometheus 0.0.4. Ours, since prom-client costs the daemon
 * 20 MiB of its 45 (measured), for what is a page of code.
 */
export class Registry {
  readonly #metrics: { name: string; help: string; kind: Kind; samples: () => Iterable<Sample> }[] = [];

  counter(name: string, help: string, names: readonly string[]): Counter {
    const counter = new Counter(names);
    this.#metrics.push({ name, help, kind: "counter", samples: () => counter.samples() });
    return counter;
  }

  /** Read at the moment of each scrape. */
  gauge(name: string, help: string, names: readonly string[], read: () => Iterable<[Labels, number]>): void {
    const samples = () =>
      [...read()].map(([labels, value]) => ({ suffix: "", labels: render(names, labels), value }));
    this.#metrics.push({ name, help, kind: "gauge", samples });
  }

  /** `bounds` are the upper ends of the buckets, rising. */
  histogram(name: string, help: string, names: readonly string[], bounds: readonly number[]): Histogram {
    const histogram = new Histogram(names, bounds);
    this.#metrics.push({ name, help, kind: "histogram", samples: () => histogram.samples() });
    return histogram;
  }

  render(): string {
    const lines: string[] = [];
    for (const { name, help, kind, samples } of this.#metrics) {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`);
      for (const { suffix, labels, value } of samples()) lines.push(`${name}${suffix}${labels} ${value}`);
    }
    return `${lines.join("\n")}\n`;
  }
}

/** No more label combinations than this a metric: what a caller sends must not fill the memory. */
const MAX_SERIES = 1000;

export class Counter {
  readonly #names: readonly string[];
  readonly #values = new Map<string, { labels: Labels; value: number }>();

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  add(labels: Labels, by = 1): void {
    const known = this.#values.get(labels.join("\0"));
    if (known) known.value += by;
    else if (this.#values.size < MAX_SERIES) this.#values.set(labels.join("\0"), { labels, value: by });
  }

  /** Each combination of labels with its count. */
  entries(): readonly { readonly labels: Labels; readonly value: number }[] {
    return [...this.#values.values()];
  }

  samples(): Sample[] {
    return this.entries().map(({ labels, value }) => ({
      suffix: "",
      labels: render(this.#names, labels),
      value,
    }));
  }
}

type Series = { labels: Labels; buckets: number[]; sum: number; count: number };

export class Histogram {
  readonly #names: readonly string[];
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, Series>();

  constructor(names: readonly string[], bounds: readonly number[]) {
    this.#names = names;
    this.#bounds = bounds;
  }

  observe(labels: Labels, value: number): void {
    const key = labels.join("\0");
    let series = this.#series.get(key);
    if (series === undefined) {
      if (this.#series.size >= MAX_SERIES) return;
      series = { labels, buckets: this.#bounds.map(() => 0), sum: 0, count: 0 };
      this.#series.set(key, series);
    }
    const at = this.#bounds.findIndex((bound) => value <= bound);
    if (at >= 0) series.buckets[at] = (series.buckets[at] ?? 0) + 1;
    series.sum += value;
    series.count += 1;
  }

  /** The bound below which the given share of the values lies; undefined without values. */
  quantile(labels: Labels, share: number): number | undefined {
    const series = this.#series.get(labels.join("\0"));
    if (!series) return undefined;
    let below = 0;
    const at = series.buckets.findIndex((count) => {
      below += count;
      return below >= share * series.count;
    });
    return at < 0 ? Number.POSITIVE_INFINITY : this.#bounds[at];
  }

  *samples(): Iterable<Sample> {
    for (const { labels, buckets, sum, count } of this.#series.values()) {
      let below = 0;
      for (const [at, bound] of this.#bounds.entries()) {
        below += buckets[at] ?? 0;
        yield {
          suffix: "_bucket",
          labels: render([...this.#names, "le"], [...labels, String(bound)]),
          value: below,
        };
      }
      yield { suffix: "_bucket", labels: render([...this.#names, "le"], [...labels, "+Inf"]), value: count };
      yield { suffix: "_sum", labels: render(this.#names, labels), value: sum };
      yield { suffix: "_count", labels: render(this.#names, labels), value: count };
    }
  }
}

function render(names: readonly string[], labels: Labels): string {
  if (names.length === 0) return "";
  const escaped = (value: string) =>
    value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  return `{${names.map((name, at) => `${name}="${escaped(labels[at] ?? "")}"`).join(",")}}`;
}
