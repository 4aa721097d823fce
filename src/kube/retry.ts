import type { Clock } from "../clock.ts";
import type { ApiError } from "./api.ts";

/** Milliseconds that a call may take where its caller says nothing. */
export const TIMEOUT = 10_000;

const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 2_000;

/** Milliseconds before try number `attempt` + 2: what the server asks for, else doubling; with jitter, so that callers part. */
export function pauseBefore(attempt: number, error: Pick<ApiError, "retryAfter">, clock: Clock): number {
  const jitter = 1 + clock.random();
  if (error.retryAfter !== undefined && error.retryAfter > 0) return error.retryAfter + FIRST_PAUSE * jitter;
  return backoff(attempt, FIRST_PAUSE, LONGEST_PAUSE, clock);
}

/** Doubles from `first` to `longest` milliseconds; of that, a half to all. */
export function backoff(attempt: number, first: number, longest: number, clock: Clock): number {
  return Math.min(longest, first * 2 ** Math.min(attempt, 30)) * (0.5 + clock.random() / 2);
}
