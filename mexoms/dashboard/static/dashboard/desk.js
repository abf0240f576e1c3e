/* global htmx */
// The desk's page: frames come in, tables are marked as changed, and drawn at most once per picture of the screen.

import { AccountTiles } from "./account_tiles.js";
import { age, clock, grouped } from "./amounts.js";
import { guardAnswers } from "./answers.js";
import { DeskState } from "./desk_state.js";
import { prepareDialogs } from "./dialogs.js";
import { fillFields, KeyedTable } from "./keyed_table.js";
import { LiveSocket } from "./live_socket.js";
import { OrderBook } from "./order_book.js";
import { PriceChart } from "./price_chart.js";
import { refusalNumbers } from "./refusals.js";
import { showStatus } from "./status_bar.js";
import { prepareTicket } from "./ticket.js";

const MARKET_SILENT_MS = 5_000;
const WATCH_INTERVAL_MS = 500;

const element = (id) => document.getElementById(id);
const state = new DeskState();
const chart = new PriceChart(element("chart"));
const book = new OrderBook({ asks: element("asks"), bids: element("bids"), spread: element("spread"), template: element("level-row") });
const view = { symbol: "", account: "" };
const seen = { marketAt: null, marketTime: "" };
const changed = new Set();

const tiles = new AccountTiles({ body: element("accounts"), template: element("account-tile"), onChoose: chooseAccount });

const tables = {
  orders: table("order", (row) => ({
    ...row,
    type: row.tif && row.type === "LIMIT" ? `${row.type} ${row.tif}` : row.type,
    price: grouped(row.price) || "market",
    quantity: grouped(row.quantity),
    filled: grouped(row.filled_quantity),
    state: row.state.replaceAll("_", " "),
    since: clock(row.created_at),
  })),
  fills: table("fill", (row) => ({
    ...row,
    time: clock(row.executed_at),
    price: grouped(row.price),
    quantity: grouped(row.quantity),
    fee: `${grouped(row.fee)} ${row.fee_asset}`,
    role: row.maker ? "maker" : "taker",
  })),
  positions: table("position", (row) => ({
    ...row,
    quantity: grouped(row.quantity),
    average_price: grouped(row.average_price),
    cost: grouped(row.cost),
    realised: grouped(row.realised),
  })),
  refusals: table("refusal", (row) => ({
    ...row,
    time: clock(row.updated_at ?? row.created_at),
    order: `${row.side} ${grouped(row.quantity)} ${row.symbol}${row.price ? ` at ${grouped(row.price)}` : ""}`,
    reason: row.text || row.state.replaceAll("_", " "),
    numbers: refusalNumbers(row.refusal),
  })),
};

function table(noun, fields) {
  const show = (rowElement, row) => {
    fillFields(rowElement, fields(row));
    if (row.side) rowElement.dataset.side = row.side;
    const cancel = rowElement.querySelector(".cancel");
    if (cancel) cancel.setAttribute("aria-label", `Cancel ${row.side} ${row.quantity} ${row.symbol} of ${row.account_name}`);
  };
  return new KeyedTable({ body: element(`${noun}s-rows`), template: element(`${noun}-row`), show });
}

function draw() {
  if (changed.has("market") || changed.has("positions")) drawMarket();
  if (["accounts", "balances", "positions", "orders", "kill_switches", "view"].some((name) => changed.has(name))) {
    tiles.render(state, view.symbol, view.account);
    count("accounts", state.tables.accounts.size);
  }
  if (changed.has("orders") || changed.has("view")) drawTable("orders", state.newest("orders"));
  if (changed.has("fills") || changed.has("view")) drawTable("fills", state.newest("fills"));
  if (changed.has("positions") || changed.has("view")) drawTable("positions", state.byAccount("positions"));
  if (changed.has("refusals") || changed.has("view")) drawTable("refusals", state.newest("refusals"));
  if (changed.has("fills") || changed.has("view") || changed.has("market")) chart.mark(state.newest("fills"));
  if (changed.has("kill_switches") || changed.has("accounts")) showStatus(state);
  changed.clear();
}

function drawTable(name, rows) {
  const shown = view.account ? rows.filter((row) => row.account === view.account) : rows;
  tables[name].render(shown);
  element(`${name}-empty`).hidden = shown.length > 0;
  count(name, shown.length);
}

function count(name, number) {
  element(`${name}-count`).textContent = number ? String(number) : "";
}

function drawMarket() {
  // What is held shows by its symbol even while the market is silent.
  const held = [...state.tables.positions.values()].map((position) => position.symbol);
  const symbols = [...new Set([...Object.keys(state.market), ...held])].sort();
  const choice = element("symbol");
  if (choice.options.length !== symbols.length) {
    choice.replaceChildren(...symbols.map((symbol) => new Option(symbol, symbol)));
    choice.value = view.symbol;
  }
  if (!view.symbol && symbols.length) chooseSymbol(symbols[0]);
  const market = state.market[view.symbol];
  book.show(market);
  element("last-price").textContent = grouped(market?.last ?? market?.bid);
}

function chooseSymbol(symbol) {
  view.symbol = symbol;
  element("symbol").value = symbol;
  chart.choose(symbol);
  redraw(["market", "view"]);
}

function chooseAccount(id) {
  view.account = id;
  element("all-accounts").hidden = !id;
  const ticketAccount = element("ticket-account");
  const isOffered = [...(ticketAccount?.options ?? [])].some((option) => option.value === id);
  if (isOffered) ticketAccount.value = id;
  redraw(["view"]);
}

function redraw(names) {
  if (!changed.size) requestAnimationFrame(draw);
  for (const name of names) changed.add(name);
}

function takeFrame(frame) {
  if (frame.topic === "market") takeMarket(frame.data);
  const names = state.take(frame);
  if (names.size) redraw(names);
}

function takeMarket(data) {
  for (const market of Object.values(data)) {
    chart.take(market);
    if (market.time <= seen.marketTime) continue;
    seen.marketTime = market.time;
    seen.marketAt = performance.now();
  }
}

function watchMarket() {
  const badge = element("market");
  const silence = seen.marketAt === null ? null : performance.now() - seen.marketAt;
  const live = silence !== null && silence < MARKET_SILENT_MS;
  badge.dataset.state = live ? "live" : silence === null ? "unknown" : "stale";
  const text = live ? "Market live" : silence === null ? "Market unknown" : "Market silent";
  if (badge.textContent !== text) badge.textContent = text;
  element("market-age").textContent = silence === null ? "waiting for the market" : `${clock(seen.marketTime)} UTC, ${age(silence)} ago`;
}

const CONNECTION_TEXTS = { connecting: "Connecting", live: "Live", stale: "Stale", lost: "Disconnected", "signed-out": "Signed out" };

function showConnection(name) {
  const badge = element("connection");
  badge.dataset.state = name;
  badge.textContent = CONNECTION_TEXTS[name];
  // Old numbers must not look like new ones.
  document.body.dataset.connection = name;
  if (name === "signed-out") location.assign("/login/?next=/");
}

/** Return whether the page itself would be sent to the login: only then is there no use in trying again. */
async function isSignedOut() {
  try {
    const answer = await fetch("/", { method: "HEAD", redirect: "manual", cache: "no-store" });
    return answer.type === "opaqueredirect";
  } catch {
    return false;
  }
}

function cancelOrder(event) {
  const button = event.target.closest(".cancel");
  if (!button) return;
  button.disabled = true;
  const url = element("orders-rows").dataset.cancelUrl.replace("00000000-0000-0000-0000-000000000000", button.closest("tr").dataset.id);
  htmx.ajax("POST", url, { source: button, target: "#answer", swap: "innerHTML" }).finally(() => (button.disabled = false));
}

element("symbol").addEventListener("change", (event) => chooseSymbol(event.target.value));
element("all-accounts").addEventListener("click", () => chooseAccount(""));
element("orders-rows").addEventListener("click", cancelOrder);
guardAnswers(element("answer"));
prepareDialogs();
prepareTicket(element("ticket"));
setInterval(watchMarket, WATCH_INTERVAL_MS);

new LiveSocket({
  url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/live/`,
  onFrame: takeFrame,
  onState: showConnection,
  onAge: (ms) => (element("frame-age").textContent = age(ms)),
  isSignedOut,
}).start();
