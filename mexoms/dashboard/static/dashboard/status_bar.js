// What everybody must see at once: may the desk trade, and is the engine with us.

const element = (id) => document.getElementById(id);

/** Show the kill switches and what the engine says of the accounts. */
export function showStatus(state) {
  showHalt(state);
  showEngine([...state.tables.accounts.values()].filter((account) => account.active));
}

function showHalt(state) {
  const [worst] = state.halts;
  element("halted").hidden = !worst;
  document.body.dataset.halted = worst ? "yes" : "no";
  if (!worst) return;
  const more = state.halts.length > 1 ? ` and ${state.halts.length - 1} more` : "";
  element("halted-state").textContent = worst.state;
  element("halted-what").textContent = `${nameOf(state, worst)}${more}.`;
  element("halted-reason").textContent = `${worst.reason} (${worst.set_by})`;
  offerRelease(state);
}

function offerRelease(state) {
  const select = element("release-target");
  if (!select || select.closest("dialog").open) return;
  select.replaceChildren(...state.halts.map((row) => new Option(nameOf(state, row), row.scope === "tenant" ? "tenant" : `${row.scope}:${row.target}`)));
}

function nameOf(state, row) {
  if (row.scope === "tenant") return "The whole desk";
  if (row.scope === "account") return `Account ${state.tables.accounts.get(row.target)?.name ?? row.target}`;
  return `Strategy ${row.target}`;
}

/** The engine is known by its accounts: all ready, some, or none. */
function showEngine(accounts) {
  const ready = accounts.filter((account) => account.state === "ready").length;
  const badge = element("engine");
  badge.dataset.state = !accounts.length ? "unknown" : ready === accounts.length ? "live" : ready ? "stale" : "lost";
  const text = accounts.length ? `Engine ${ready}/${accounts.length} ready` : "Engine unknown";
  if (badge.textContent !== text) badge.textContent = text;
}
