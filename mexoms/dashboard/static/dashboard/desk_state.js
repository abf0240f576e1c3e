// What the desk looks like now: tables of rows by id, as the frames tell it.

const TERMINAL = new Set(["filled", "canceled", "expired", "rejected", "refused", "not_sent"]);
const REFUSED = new Set(["refused", "rejected", "not_sent"]);
const NEWEST_MAX = { fills: 200, refusals: 100 };
const TABLES = ["accounts", "orders", "fills", "positions", "balances", "refusals", "kill_switches"];

const newestFirst = (time) => (one, other) => (one[time] < other[time] ? 1 : one[time] > other[time] ? -1 : 0);

/** Holds the tables; `take` returns the names of the tables that a frame changed. */
export class DeskState {
  constructor() {
    this.tables = Object.fromEntries(TABLES.map((table) => [table, new Map()]));
    this.market = {};
  }

  take({ type, topic, data }) {
    if (topic === "market") return this.#takeMarket(type, data);
    if (type === "snapshot") for (const table of TABLES) this.tables[table].clear();
    const changed = new Set(type === "snapshot" ? TABLES : []);
    for (const table of TABLES) {
      for (const row of data[table] ?? []) this.#put(table, row, changed);
    }
    for (const table of Object.keys(NEWEST_MAX)) if (changed.has(table)) this.#forgetOldest(table);
    return changed;
  }

  #takeMarket(type, data) {
    this.market = type === "snapshot" ? data : { ...this.market, ...data };
    return new Set(Object.keys(data).length ? ["market"] : []);
  }

  #put(table, row, changed) {
    changed.add(table);
    if (table === "orders" && REFUSED.has(row.state)) this.#put("refusals", row, changed);
    if (table === "orders" && TERMINAL.has(row.state)) this.tables.orders.delete(row.id);
    else this.tables[table].set(row.id, row);
  }

  #forgetOldest(table) {
    const rows = this.newest(table);
    for (const row of rows.slice(NEWEST_MAX[table])) this.tables[table].delete(row.id);
  }

  /** Return a table's rows, newest first. */
  newest(table) {
    const time = table === "fills" ? "executed_at" : "created_at";
    return [...this.tables[table].values()].sort(newestFirst(time));
  }

  /** Return a table's rows in the order of their accounts' names. */
  byAccount(table) {
    const key = (row) => `${row.account_name}|${row.symbol ?? row.asset ?? ""}`;
    return [...this.tables[table].values()].sort((one, other) => key(one).localeCompare(key(other), "en", { numeric: true }));
  }

  /** Return the kill switches that are not ACTIVE, the desk's own first. */
  get halts() {
    const rows = [...this.tables.kill_switches.values()].filter((row) => row.state !== "ACTIVE");
    return rows.sort((one, other) => (one.scope === "tenant" ? -1 : other.scope === "tenant" ? 1 : 0));
  }
}
