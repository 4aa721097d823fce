import type { Clock } from "../../clock.ts";
import type { Result } from "../../result.ts";
import type { Caller } from "../batching.ts";

/** How often it is looked whether the caller is still there; milliseconds. */
const WATCH = 250;

/**
 * What has come of each when all are done or one has failed, which decides for all; or else when it is `deadline` (of
 * `clock.elapsed()`), or nobody waits any more. Undefined for what is not done.
 */
export async function settleBy<T, E>(
  deadline: number,
  caller: Caller,
  clock: Clock,
  waiting: readonly Promise<Result<T, E>>[],
): Promise<readonly (Result<T, E> | undefined)[]> {
  const results: (Result<T, E> | undefined)[] = waiting.map(() => undefined);
  const { promise, resolve } = Promise.withResolvers<void>();
  let open = waiting.length;
  for (const [index, one] of waiting.entries()) {
    void one.then((result) => {
      results[index] = result;
      open -= 1;
      if (open === 0 || !result.ok) resolve();
    });
  }
  const next = () => clock.after(Math.min(WATCH, Math.max(1, deadline - clock.elapsed())), watch);
  const watch = () => {
    if (clock.elapsed() >= deadline || caller.gone()) resolve();
    else timer = next();
  };
  let timer = next();
  await promise;
  timer.cancel();
  return results;
}
