// Amounts stay the decimal strings that the server sent: a float would round them.

/** Return a decimal string with its whole part grouped by thousands; "" for null. */
export function grouped(amount) {
  if (amount === null || amount === undefined) return "";
  const match = /^(-?)(\d+)(\.\d+)?$/.exec(amount);
  if (!match) return String(amount);
  const [, sign, whole, fraction = ""] = match;
  return sign + whole.replace(/\B(?=(\d{3})+$)/g, ",") + fraction;
}

/** Return a decimal string cut (not rounded) to at most that many decimals, for places too narrow for all. */
export function shortened(amount, decimals) {
  if (amount === null || amount === undefined) return "";
  const [whole, fraction = ""] = String(amount).split(".");
  const kept = fraction.slice(0, decimals).replace(/0+$/, "");
  return grouped(kept ? `${whole}.${kept}` : whole);
}

/** Return an ISO time as hh:mm:ss of the desk's clock, UTC. */
export function clock(time) {
  return time ? time.slice(11, 19) : "";
}

/** Return a count of milliseconds as people say it: 0.4 s, 12 s, 3 min. */
export function age(ms) {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  return `${Math.round(ms / 60_000)} min`;
}
