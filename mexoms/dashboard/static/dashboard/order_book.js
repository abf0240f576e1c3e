// Ten levels a side. Rows are made once and only their text changes.

import { grouped } from "./amounts.js";

const LEVELS = 10;

/** Shows a market frame's levels: asks above with the best last, bids below with the best first. */
export class OrderBook {
  constructor({ asks, bids, spread, template }) {
    this.asks = this.#rows(asks, template).reverse();
    this.bids = this.#rows(bids, template);
    this.spread = spread;
  }

  #rows(body, template) {
    for (let level = 0; level < LEVELS; level += 1) body.append(template.content.cloneNode(true));
    return [...body.rows];
  }

  show(market) {
    this.#fill(this.asks, market?.asks ?? []);
    this.#fill(this.bids, market?.bids ?? []);
    this.spread.textContent = spreadOf(market);
  }

  #fill(rows, levels) {
    rows.forEach((row, index) => {
      const [price, quantity] = levels[index] ?? ["", ""];
      row.cells[0].textContent = grouped(price);
      row.cells[1].textContent = grouped(quantity);
    });
  }
}

/** Return ask − bid as a decimal string, computed in whole units of the last decimal. */
function spreadOf(market) {
  if (!market?.bid || !market?.ask) return "";
  const decimals = Math.max(...[market.bid, market.ask].map((price) => price.split(".")[1]?.length ?? 0));
  const units = (price) => BigInt(price.replace(".", "") + "0".repeat(decimals - (price.split(".")[1]?.length ?? 0)));
  const digits = (units(market.ask) - units(market.bid)).toString().padStart(decimals + 1, "0");
  return grouped(decimals ? `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}` : digits);
}
