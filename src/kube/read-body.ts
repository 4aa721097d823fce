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

/** Calls `onLine` for each line without its end; empty ones are left out. An `Overflow` ends a line beyond `limit` characters. */
export async function linesOf(
  response: Response,
  limit: number,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  let length = 0;
  const add = (text: string) => {
    length += text.length;
    if (length > limit) throw new Overflow(`a line of more than ${limit} characters is refused`);
    parts.push(text);
  };
  for await (const chunk of response.body ?? []) {
    const lines = decoder.decode(chunk, { stream: true }).split("\n");
    for (const [index, text] of lines.entries()) {
      add(text);
      if (index === lines.length - 1) break;
      if (length > 0) onLine(parts.join(""));
      parts = [];
      length = 0;
    }
  }
  // What is left is half an event: the connection broke in the middle, or the server ended without a newline.
  if (length > 0) onLine(parts.join(""));
}
