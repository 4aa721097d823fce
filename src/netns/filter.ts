/**
 * Classic BPF programs (linux/filter.h) that the kernel runs on what a socket would receive, so that a busy link wakes nobody.
 * An instruction is (code, jump if true, jump if false, constant); the last two of each program are "drop" and "take".
 */
type Instruction = readonly [code: number, jt: number, jf: number, k: number];

const LOAD_WORD = 0x20;
const LOAD_HALF = 0x28;
const LOAD_BYTE = 0x30;
const LOAD_WORD_X = 0x40;
const LOAD_HALF_X = 0x48;
/** X = 4 * (byte & 15): the length of an IP header. */
const HEADER_LENGTH_X = 0xb1;
const JUMP_EQUAL = 0x15;
const JUMP_BITS = 0x45;
const RETURN = 0x06;
const WHOLE = 0x4_0000;

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV6 = 0x86dd;
const UDP = 17;

/** Ethernet frames with an answer of a DHCPv4 server to the client of this MAC address (RFC 2131: port 68, field chaddr). */
export function dhcp4Filter(mac: Uint8Array): Uint8Array {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac;
  return assemble([
    ...demand(LOAD_HALF, 12, JUMP_EQUAL, ETHERTYPE_IPV4),
    ...demand(LOAD_BYTE, 23, JUMP_EQUAL, UDP),
    ...refuse(LOAD_HALF, 20, JUMP_BITS, 0x3fff), // fragments
    [HEADER_LENGTH_X, 0, 0, 14],
    ...demand(LOAD_HALF_X, 16, JUMP_EQUAL, 68),
    ...demand(LOAD_WORD_X, 50, JUMP_EQUAL, ((a << 24) | (b << 16) | (c << 8) | d) >>> 0),
    ...demand(LOAD_HALF_X, 54, JUMP_EQUAL, (e << 8) | f),
  ]);
}

/** Ethernet frames with ARP about the address: from it, or a probe for it (RFC 5227 section 2.1.1). */
export function arpFilter(address: number): Uint8Array {
  // The address of the sender at 28, of the target at 38.
  return assemble([
    ...demand(LOAD_HALF, 12, JUMP_EQUAL, ETHERTYPE_ARP),
    [LOAD_WORD, 0, 0, 28],
    [JUMP_EQUAL, 2, 0, address],
    ...demand(LOAD_WORD, 38, JUMP_EQUAL, address),
  ]);
}

/** Ethernet frames to UDP port 546 over IPv6 without extension headers: answers of DHCPv6 servers. */
export function dhcp6Filter(): Uint8Array {
  return assemble([
    ...demand(LOAD_HALF, 12, JUMP_EQUAL, ETHERTYPE_IPV6),
    ...demand(LOAD_BYTE, 20, JUMP_EQUAL, UDP),
    ...demand(LOAD_HALF, 56, JUMP_EQUAL, 546),
  ]);
}

/** Lets nothing through. */
export const NOTHING = assembleOnly([[RETURN, 0, 0, 0]]);

/** Goes on if the condition holds, else drops. The distance to "drop" is filled in by `assemble`. */
function demand(load: number, at: number, test: number, value: number): Instruction[] {
  return [
    [load, 0, 0, at],
    [test, 0, DROP, value],
  ];
}

function refuse(load: number, at: number, test: number, value: number): Instruction[] {
  return [
    [load, 0, 0, at],
    [test, DROP, 0, value],
  ];
}

const DROP = -1;

function assemble(checks: readonly Instruction[]): Uint8Array {
  const end = checks.length; // where "take" is; "drop" follows
  const resolve = (jump: number, at: number) => (jump === DROP ? end - at : jump);
  const resolved = checks.map(([code, jt, jf, k], at): Instruction => {
    return [code, resolve(jt, at), resolve(jf, at), k];
  });
  return assembleOnly([...resolved, [RETURN, 0, 0, WHOLE], [RETURN, 0, 0, 0]]);
}

/** An array of struct sock_filter. */
function assembleOnly(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, [code, jt, jf, k]] of program.entries()) {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jt);
    view.setUint8(index * 8 + 3, jf);
    view.setUint32(index * 8 + 4, k, true);
  }
  return bytes;
}
