// Bound to symbols of libc by libc.json. The compiler accepts such functions in a declaration file only.
declare function libcSocket(domain: number, type: number, protocol: number): number;
declare function libcSetsockopt(socket: number, level: number, name: number, value: Uint8Array): number;
declare function libcConnect(socket: number, address: Uint8Array): number;
declare function libcSend(socket: number, bytes: Uint8Array, flags: number): number;
declare function libcRead(descriptor: number, into: Uint8Array): number;
declare function libcClose(descriptor: number): number;
declare function libcMemfd(nameAndFlags: Uint8Array): number;
declare function libcDup2(from: number, to: number): number;
