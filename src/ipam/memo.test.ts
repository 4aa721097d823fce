import { expect, test } from "bun:test";
import { Memo } from "./memo.ts";

test("the texts asked for last are kept, and none that is too long", () => {
  const made: string[] = [];
  const memo = new Memo<number>({ texts: 2, length: 5 });
  const get = (text: string) => {
    return memo.get(text, () => {
      made.push(text);
      return text.length;
    });
  };
  for (const text of ["a", "bb", "a", "ccc", "a", "bb", "longer", "longer"])
    expect(get(text)).toBe(text.length);
  expect(made).toEqual(["a", "bb", "ccc", "bb", "longer", "longer"]);
});
