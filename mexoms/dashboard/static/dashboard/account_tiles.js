// One tile per account: what it is, whether it may trade, what it holds.

import { grouped, shortened } from "./amounts.js";
import { fillFields, KeyedTable } from "./keyed_table.js";

const TILES_MAX = 500;

/** Shows the accounts; a press on a tile narrows the page to that account. */
export class AccountTiles {
  constructor({ body, template, onChoose }) {
    this.chosen = "";
    this.table = new KeyedTable({ body, template, rowsMax: TILES_MAX, show: (tile, row) => this.#show(tile, row) });
    body.addEventListener("click", (event) => {
      const tile = event.target.closest(".tile");
      if (tile) onChoose(tile.dataset.id === this.chosen ? "" : tile.dataset.id);
    });
  }

  render(state, symbol, chosen) {
    this.chosen = chosen;
    this.holdings = holdingsOf(state, symbol);
    const rows = [...state.tables.accounts.values()].sort((one, other) => one.name.localeCompare(other.name, "en", { numeric: true }));
    this.table.render(rows.map((row) => ({ ...row, halted: haltOf(state, row) })));
  }

  #show(tile, row) {
    const { balances = [], position = "0", open = 0 } = this.holdings.get(row.id) ?? {};
    const status = row.halted || row.state;
    fillFields(tile, {
      name: row.name,
      kind: row.kind,
      state: status,
      quote: balances[0] ?? "no balance",
      base: balances[1] ?? "",
      position: grouped(position),
      open: String(open),
    });
    tile.dataset.state = status;
    tile.title = row.reason || "";
    tile.setAttribute("aria-pressed", String(row.id === this.chosen));
  }
}

function haltOf(state, account) {
  const halt = state.halts.find((row) => row.scope === "tenant" || row.target === account.id);
  return halt ? halt.state.toLowerCase() : "";
}

/** Return per account id its two main balances as text, its position in the symbol and its open orders. */
function holdingsOf(state, symbol) {
  const holdings = new Map();
  const of = (id) => holdings.get(id) ?? holdings.set(id, { balances: [], position: "0", open: 0 }).get(id);
  for (const row of mainBalances(state, symbol)) of(row.account).balances.push(`${shortened(row.total, 4)} ${row.asset}`);
  for (const row of state.tables.positions.values()) if (row.symbol === symbol) of(row.account).position = row.quantity;
  for (const row of state.tables.orders.values()) of(row.account).open += 1;
  return holdings;
}

/** Return the balances in the symbol's quote and base asset, quote first, then any others that are held. */
function mainBalances(state, symbol) {
  const rank = ({ asset }) => (symbol.endsWith(asset) ? 0 : symbol.startsWith(asset) ? 1 : 2);
  return [...state.tables.balances.values()]
    .filter((row) => rank(row) < 2 || /[1-9]/.test(row.total))
    .sort((one, other) => rank(one) - rank(other) || one.asset.localeCompare(other.asset));
}
