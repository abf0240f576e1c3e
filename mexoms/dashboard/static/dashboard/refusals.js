// The numbers behind a refusal, as the order's row carries them, as one line of words.

import { grouped } from "./amounts.js";

const number = (value) => grouped(String(value ?? 0));

/** Return what the gate measured, "" where nothing was. */
export function refusalNumbers(refusal) {
  if (!refusal || !refusal.unit || refusal.unit === "none") return "";
  const unit = refusal.unit.replaceAll("_", " ");
  return (
    `${refusal.scope}: would be ${number(refusal.would_be)}, limit ${number(refusal.limit)} ${unit} ` +
    `(now ${number(refusal.current)}, reserved ${number(refusal.reserved)}, asked ${number(refusal.requested)})`
  );
}
