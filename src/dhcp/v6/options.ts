import { type Address, addressOf } from "../../ip/address.ts";
import { type InterfaceAddress, networkOf } from "../../ip/cidr.ts";
import { address6, bytesOf32, bytesOfAddress, joined, uint16, uint32 } from "../bytes.ts";
import { decodeOptions, encodeOptions } from "./codec.ts";
import { OPTION, type Option } from "./message.ts";

/** Values of single options (RFC 8415 section 21). Undefined: the option is absent or malformed. */

/** Lifetimes in seconds; 0xffffffff is for ever. */
export const FOREVER = 0xffff_ffff;

/** RFC 8415 section 21.13. */
export const STATUS = {
  success: 0,
  unspecified: 1,
  noAddresses: 2,
  noBinding: 3,
  notOnLink: 4,
  useMulticast: 5,
  noPrefixes: 6,
} as const;

export type Status = { readonly code: number; readonly text: string };
export type Lifetimes = { readonly preferred: number; readonly valid: number };
export type IaAddress = Lifetimes & { readonly address: Address };
export type IaPrefix = Lifetimes & { readonly prefix: InterfaceAddress };

/** An identity association: what a server gives to one interface. */
export type Association<Item> = {
  readonly t1: number;
  readonly t2: number;
  readonly status: Status;
  readonly items: readonly Item[];
};

const IA_HEADER = 12;
const ADDRESS_HEADER = 24;
const PREFIX_HEADER = 25;
/** More than this of a kind is not taken over. */
const MOST = 64;

export function optionValue(options: readonly Option[], code: number): Uint8Array | undefined {
  return options.find((option) => option.code === code)?.value;
}

/** A DUID has a type of two bytes and 128 more at most (RFC 8415 section 11.1). */
export function readDuid(options: readonly Option[], code: number): Uint8Array | undefined {
  const value = optionValue(options, code);
  return value !== undefined && value.length > 2 && value.length <= 130 ? value : undefined;
}

/** Without the option all went well. */
export function readStatus(options: readonly Option[]): Status {
  const value = optionValue(options, OPTION.statusCode);
  if (value === undefined) return { code: STATUS.success, text: "" };
  if (value.length < 2) return { code: STATUS.unspecified, text: "" };
  const text = new TextDecoder().decode(value.subarray(2));
  return { code: uint16(value, 0), text: /\p{Cc}/u.test(text) ? "" : text };
}

export function readPreference(options: readonly Option[]): number {
  const value = optionValue(options, OPTION.preference);
  return value?.length === 1 ? (value[0] ?? 0) : 0;
}

/** In seconds, from 60 to 86,400 (RFC 8415 section 21.24). */
export function readSolicitMaxRt(options: readonly Option[]): number | undefined {
  const value = optionValue(options, OPTION.solicitMaxRt);
  const seconds = value?.length === 4 ? uint32(value, 0) : 0;
  return seconds >= 60 && seconds <= 86_400 ? seconds : undefined;
}

export function readAddresses(options: readonly Option[], code: number): Address[] {
  const value = optionValue(options, code) ?? new Uint8Array();
  if (value.length % 16 !== 0) return [];
  const count = Math.min(value.length / 16, MOST);
  return Array.from({ length: count }, (_, index) => address6(value, index * 16));
}

/** The addresses of option 56 (RFC 5908 section 4.1); names and multicast addresses in it are left out. */
export function readNtp(options: readonly Option[]): Address[] {
  const nested = decodeOptions(optionValue(options, OPTION.ntp) ?? new Uint8Array()) ?? [];
  return nested
    .filter(({ code, value }) => code === 1 && value.length === 16)
    .map(({ value }) => address6(value, 0));
}

/** IA_NA (section 21.4): addresses that a host can use, with lifetimes that are in order. */
export function readAssociation(
  options: readonly Option[],
  iaid: number,
): Association<IaAddress> | undefined {
  return readIa(options, OPTION.iaNa, iaid, readIaAddress);
}

/** IA_PD (section 21.21). */
export function readDelegation(options: readonly Option[], iaid: number): Association<IaPrefix> | undefined {
  return readIa(options, OPTION.iaPd, iaid, readIaPrefix);
}

function readIa<Item>(
  options: readonly Option[],
  code: number,
  iaid: number,
  read: (option: Option) => Item | undefined,
): Association<Item> | undefined {
  const value = options.find(
    (option) => option.code === code && option.value.length >= IA_HEADER && uint32(option.value, 0) === iaid,
  )?.value;
  const nested = value && decodeOptions(value.subarray(IA_HEADER));
  if (value === undefined || nested === undefined) return undefined;
  const [t1, t2] = [uint32(value, 4), uint32(value, 8)];
  if (t1 > t2 && t2 > 0) return undefined; // section 21.4: as if the server had not sent it
  const items = nested
    .slice(0, MOST)
    .map(read)
    .filter((item) => item !== undefined);
  return { t1, t2, status: readStatus(nested), items };
}

function readIaAddress({ code, value }: Option): IaAddress | undefined {
  if (code !== OPTION.iaAddress || value.length < ADDRESS_HEADER) return undefined;
  const address = address6(value, 0);
  const [preferred, valid] = [uint32(value, 16), uint32(value, 20)];
  const nested = decodeOptions(value.subarray(ADDRESS_HEADER));
  const isFine = nested !== undefined && readStatus(nested).code === STATUS.success;
  return isFine && preferred <= valid && isHost(address) ? { address, preferred, valid } : undefined;
}

function readIaPrefix({ code, value }: Option): IaPrefix | undefined {
  if (code !== OPTION.iaPrefix || value.length < PREFIX_HEADER) return undefined;
  const [preferred, valid] = [uint32(value, 0), uint32(value, 4)];
  const length = value[8] ?? 0;
  if (length < 1 || length > 128 || preferred > valid) return undefined;
  const address = addressOf(6, networkOf(address6(value, 9), length).base);
  return isHost(address) ? { prefix: { address, prefix: length }, preferred, valid } : undefined;
}

/** Neither ::/8 (unspecified, loopback, IPv4-mapped), link-local nor multicast. */
function isHost({ value }: Address): boolean {
  const first = value >> 120n;
  return first !== 0n && first !== 0xffn && value >> 118n !== 0b1111111010n;
}

/** An IA_NA or IA_PD to send; the client states no times (section 21.4). */
export function association(
  code: typeof OPTION.iaNa | typeof OPTION.iaPd,
  iaid: number,
  items: readonly Option[],
): Option {
  return { code, value: joined(bytesOf32(iaid), new Uint8Array(8), encodeOptions(items)) };
}

export function iaAddress(address: Address): Option {
  return { code: OPTION.iaAddress, value: joined(bytesOfAddress(address), new Uint8Array(8)) };
}

export function iaPrefix({ address, prefix }: InterfaceAddress): Option {
  return {
    code: OPTION.iaPrefix,
    value: joined(new Uint8Array(8), Uint8Array.of(prefix), bytesOfAddress(address)),
  };
}
