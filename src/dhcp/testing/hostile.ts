/** Packets in hex that a decoder must refuse, or take without harm. Whatever broke one once stays here. For tests. */

const HEAD4 = `020106001234567800038000${"00000000"}c000020a${"00".repeat(8)}020000000001${"00".repeat(10)}`;
const COOKIE = "63825363";

/** A DHCPv4 reply; `sname` and `file` are padded with zeros. */
function reply4(options: string, sname = "", file = ""): string {
  return HEAD4 + sname.padEnd(128, "0") + file.padEnd(256, "0") + COOKIE + options;
}

export const HOSTILE4: readonly {
  readonly name: string;
  readonly hex: string;
  readonly isRefused: boolean;
}[] = [
  { name: "empty", hex: "", isRefused: true },
  { name: "BOOTP without options", hex: reply4("ff"), isRefused: true },
  { name: "length of 255 with one byte", hex: reply4("3501023dff00"), isRefused: true },
  { name: "length in the last byte", hex: reply4("35010236"), isRefused: true },
  {
    name: "overload that names fields that lie",
    hex: reply4("350102340103ff", "0cff41", "0cff41"),
    isRefused: true,
  },
  {
    name: "overload inside file changes nothing",
    hex: reply4("350102340101ff", "0cff", "340102ff"),
    isRefused: false,
  },
  { name: "message type twice", hex: reply4("350102350105ff"), isRefused: true },
  { name: "message type without value", hex: reply4("3500ff"), isRefused: true },
  { name: "pads for ever", hex: reply4(`350105${"00".repeat(60_000)}`), isRefused: false },
  {
    name: "one option in 200 parts",
    hex: reply4(`350105${`06ff${"01".repeat(255)}`.repeat(200)}ff`),
    isRefused: false,
  },
  { name: "search list that points at itself", hex: reply4("3501057702c000ff"), isRefused: false },
  {
    name: "search list of pointers",
    hex: reply4(`350105${`77fe${"0161c000".repeat(63)}c000`}ff`),
    isRefused: false,
  },
  { name: "routes of width 255", hex: reply4("3501057908ff0a000000000000ff"), isRefused: false },
  {
    name: "mask, router, MTU and times of wrong lengths",
    hex: reply4("3501050103ffffff0303c000021a0105330200053a00ff"),
    isRefused: false,
  },
  { name: "domain with a line break", hex: reply4("3501050f09610a6e616d65736572ff"), isRefused: false },
];

export const HOSTILE6: readonly {
  readonly name: string;
  readonly hex: string;
  readonly isRefused: boolean;
}[] = [
  { name: "empty", hex: "", isRefused: true },
  { name: "a relayed reply", hex: `0d00${"00".repeat(32)}`, isRefused: true },
  { name: "length beyond the end", hex: "070000010001ffff00", isRefused: true },
  { name: "IA_NA shorter than its header", hex: "0700000100030004000000070000", isRefused: true },
  {
    name: "IA_NA with an option that lies",
    hex: "0700000100030010000000070000000000000000000500ff",
    isRefused: false,
  },
  {
    name: "IAADDR shorter than an address",
    hex: "07000001000300140000000700000000000000000005000420010db8",
    isRefused: false,
  },
  { name: "a status of one byte", hex: "07000001000d000100", isRefused: false },
  { name: "DNS of 15 bytes", hex: `070000010017000f${"20".repeat(15)}`, isRefused: false },
  { name: "a thousand empty options", hex: `07000001${"00170000".repeat(1000)}`, isRefused: false },
];
