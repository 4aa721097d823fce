export { decodeMessage, encodeMessage } from "./codec.ts";
export { type ClientWish, clientConfig, DEFAULT_REQUEST, DEFAULT_TIMING, OWN_OPTIONS } from "./config.ts";
export { boundClient, newClient, step } from "./machine.ts";
export { type Message, type MessageType, OPTION } from "./message.ts";
export type {
  ClientConfig,
  ClientEffect,
  ClientEvent,
  ClientState,
  ClientStep,
  Phase,
  Send,
  Timing,
} from "./state.ts";
