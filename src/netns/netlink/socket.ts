import { closeSync } from "node:fs";
import { err, ok, type Result } from "../../result.ts";
import { describeErrno, type NetnsError, netnsError } from "../error.ts";
import { AF_NETLINK, bind, errno, recv, SOCK_RAW, sendto, socket } from "../libc.ts";
import {
  decodeMessages,
  encodeMessage,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  readInt32,
} from "./message.ts";

/** struct sockaddr_nl: the kernel, and for ourselves whatever port it gives. */
const KERNEL = new Uint8Array(12);
KERNEL[0] = AF_NETLINK;
const NETLINK_ROUTE = 0;
const BUFFER = new Uint8Array(64 * 1024);
/** Of a dump: more interfaces and addresses than a namespace has. */
const MAX_DATAGRAMS = 1000;

/**
 * A conversation with the kernel about the network namespace that this thread was in when it began. The kernel answers rtnetlink
 * requests before sendto() returns, so nothing here waits.
 */
export class Netlink {
  readonly #descriptor: number;
  #sequence = 0;

  /** Opens, runs and closes. */
  static use<T>(body: (netlink: Netlink) => Result<T, NetnsError>): Result<T, NetnsError> {
    const descriptor = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    if (descriptor < 0) return netnsError("refused", `netlink: ${describeErrno(errno())}`);
    try {
      if (!bind(descriptor, KERNEL)) return netnsError("refused", `netlink: ${describeErrno(errno())}`);
      return body(new Netlink(descriptor));
    } finally {
      closeSync(descriptor);
    }
  }

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** Carries out one request; what the kernel sent back besides the acknowledgement, or its error number. */
  request(type: number, flags: number, payload: Uint8Array): Result<readonly NetlinkMessage[], number> {
    const sequence = ++this.#sequence;
    const dump = (flags & NLM_F_DUMP) === NLM_F_DUMP;
    const all = NLM_F_REQUEST | flags | (dump ? 0 : NLM_F_ACK);
    const sent = sendto(this.#descriptor, encodeMessage({ type, flags: all, sequence, payload }), KERNEL);
    if (!sent) return err(errno());
    const answers: NetlinkMessage[] = [];
    for (let datagrams = 0; datagrams < MAX_DATAGRAMS; datagrams++) {
      const bytes = recv(this.#descriptor, BUFFER);
      if (bytes === undefined) return err(errno());
      for (const message of decodeMessages(bytes)) {
        if (message.sequence !== sequence) continue;
        if (message.type === NLMSG_DONE) return ok(answers);
        if (message.type !== NLMSG_ERROR) {
          answers.push(message);
          continue;
        }
        const number = -(readInt32(message.payload) ?? 0);
        return number === 0 ? ok(answers) : err(number);
      }
    }
    return err(0);
  }
}
