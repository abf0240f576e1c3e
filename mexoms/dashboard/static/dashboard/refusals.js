// The numbers behind a refusal, as the order's row carries them.

import { grouped } from "./amounts.js";

const SHOWN_APART = new Set(["code", "text", "message"]);

/** Return a refusal's numbers as one line: each name with its value; "" where there are none. */
export function refusalNumbers(refusal) {
  if (!refusal || typeof refusal !== "object") return "";
  return Object.entries(refusal)
    .filter(([name, value]) => !SHOWN_APART.has(name) && value !== null && value !== "")
    .map(([name, value]) => `${name.replaceAll("_", " ")} ${grouped(String(value))}`)
    .join(", ");
}
