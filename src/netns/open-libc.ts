import { dlopen, type FFIFunction } from "bun:ffi";

/** Functions of libc, of glibc or of musl. Who needs a few loads no more than those: each costs time and memory at the start. */
export function openLibc<S extends Record<string, FFIFunction>>(symbols: S) {
  try {
    return dlopen("libc.so.6", symbols).symbols;
  } catch {
    return dlopen("libc.so", symbols).symbols; // musl
  }
}
