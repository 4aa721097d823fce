/** Thrown inside the transport only, which makes data of it. */
export class Overflow extends Error {
  readonly code = "answer_too_large";
}

/** The whole answer as text; throws an `Overflow` beyond `limit` bytes. */
export async function textOf(response: Response, limit: number): Promise<string> {
  const announced = response.headers.get("content-length");
  if (announced !== null && !response.headers.has("content-encoding")) {
    if (Number(announced) > limit) throw new Overflow(`an answer of ${announced} bytes is refused`);
    return response.text();
  }
  const decoder = new TextDecoder();
  const parts: string[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > limit) throw new Overflow(`an answer of more than ${limit} bytes is refused`);
    parts.push(decoder.decode(chunk, { stream: true }));
  }
  parts.push(decoder.decode());
  return parts.join("");
}

const NEWLINE = 0x0a;

/**
 * Calls `onLine` for each line without its end; empty ones are left out. An `Overflow` ends a line beyond `limit` bytes.
 * A line becomes text as a whole: those of large objects come in many chunks, whose texts would all be copied again.
 */
export async function linesOf(
  response: Response,
  limit: number,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let parts: Uint8Array[] = [];
  let size = 0;
  const add = (part: Uint8Array) => {
    size += part.byteLength;
    if (size > limit) throw new Overflow(`a line of more than ${limit} bytes is refused`);
    parts.push(part);
  };
  const tell = () => {
    const [first] = parts;
    const line = first && parts.length === 1 ? first : Buffer.concat(parts, size);
    parts = [];
    size = 0;
    if (line.byteLength > 0) onLine(decoder.decode(line));
  };
  for await (const chunk of response.body ?? []) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      add(chunk.subarray(from, end));
      tell();
      from = end + 1;
    }
    add(chunk.subarray(from));
  }
  // What is left is half an event: the connection broke in the middle, or the server ended without a newline.
  tell();
}
