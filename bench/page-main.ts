/** The page and the webhook in `make bench`. Writes bench/PAGE.md; nothing is left behind. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeMachine } from "./machine.ts";
import { measurePage, measureWebhook, type PageFigures, type WebhookFigures } from "./page.ts";
import { table } from "./results.ts";

const progress = (text: string) => process.stderr.write(`bench: ${text}\n`);

progress("the webhook");
const webhook = await measureWebhook();
progress("the page over 100 pools and 100,000 addresses");
const page = await measurePage();
const text = render(webhook, page);
writeFileSync(join(import.meta.dir, "PAGE.md"), text);
process.stdout.write(text);

function render({ p50, p99 }: WebhookFigures, figures: PageFigures | undefined): string {
  const ms = (value: number) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
  const met = (isMet: boolean) => (isMet ? "met" : "missed");
  const rows: string[][] = [
    [
      "a review by the webhook, over TLS, 200 networks and 100 pools known",
      ms(p50),
      `${ms(p99)} (99 %)`,
      "5 ms",
      met(p50 < 5),
    ],
  ];
  if (figures) {
    const { load, loadMost, change, changeMost } = figures;
    rows.push(
      ["the page loads, until every pool is drawn", ms(load), ms(loadMost), "2 s", met(loadMost < 2_000)],
      ["a change is seen, from the write on", ms(change), ms(changeMost), "1 s", met(changeMost < 1_000)],
    );
  }
  const memory = figures
    ? `\n\`berth ui\` took ${figures.memory} MiB with that.\n`
    : "\nThe page was not measured: no chromium.\n";
  return `# Page and webhook

Made by \`make bench\`: ${describeMachine()}. The page is Debian's chromium over \`berth ui\` on the double of the API server, with 100 pools and
100,000 addresses held.

${table(["what", "median", "most", "goal", ""], rows)}
${memory}`;
}
