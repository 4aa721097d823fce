/** Ethernet II frames. */
export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;
export const BROADCAST_MAC = new Uint8Array(6).fill(0xff);

const HEADER = 14;

export function encodeFrame(
  destination: Uint8Array,
  source: Uint8Array,
  ethertype: number,
  payload: Uint8Array,
): Uint8Array {
  const frame = new Uint8Array(HEADER + payload.length);
  frame.set(destination);
  frame.set(source, 6);
  new DataView(frame.buffer).setUint16(12, ethertype);
  frame.set(payload, HEADER);
  return frame;
}

/** Who sent a frame, and what it carries. */
export function openFrame(frame: Uint8Array): { readonly source: Uint8Array; readonly payload: Uint8Array } {
  return { source: frame.slice(6, 12), payload: frame.subarray(HEADER) };
}
