// The last price as a line, second by second, with our fills as markers. Before the page was opened
// the only prices known here are those at which we traded ourselves.

/* global LightweightCharts */
const POINTS_MAX = 7_200;
const MARKERS_MAX = 100;
const COLOURS = { text: "#93a1b5", grid: "#1a2330", line: "#6ea8fe", buy: "#2fbf8f", sell: "#f0616d" };

/** Draws one symbol at a time; numbers become floats here, for drawing alone. */
export class PriceChart {
  constructor(container) {
    this.chart = LightweightCharts.createChart(container, {
      autoSize: true,
      // The logo would bring an inline style, which the page's policy forbids; the page names its maker in words.
      layout: { background: { color: "transparent" }, textColor: COLOURS.text, attributionLogo: false, fontSize: 11 },
      grid: { vertLines: { color: COLOURS.grid }, horzLines: { color: COLOURS.grid } },
      timeScale: { timeVisible: true, secondsVisible: true, borderColor: COLOURS.grid, rightOffset: 4 },
      rightPriceScale: { borderColor: COLOURS.grid },
      localization: { locale: "en-GB" },
    });
    this.series = this.chart.addSeries(LightweightCharts.AreaSeries, {
      lineColor: COLOURS.line, lineWidth: 2, topColor: "rgba(110, 168, 254, 0.22)", bottomColor: "rgba(110, 168, 254, 0)",
    });
    this.markers = LightweightCharts.createSeriesMarkers(this.series, []);
    this.points = new Map();
    this.begun = new Set();
    this.symbol = "";
  }

  /** Show another symbol; what was seen of it since the page was opened is still there. */
  choose(symbol) {
    this.symbol = symbol;
    this.series.setData(this.points.get(symbol) ?? []);
  }

  /** Take a symbol's market frame. */
  take(market) {
    const value = Number(market.last ?? market.bid);
    if (!market.time || !value) return;
    const points = this.points.get(market.symbol) ?? [];
    this.points.set(market.symbol, points);
    const point = { time: secondOf(market.time), value };
    const last = points.at(-1);
    if (last && point.time < last.time) return;
    if (last && point.time === last.time) points.pop();
    points.push(point);
    if (points.length > POINTS_MAX) points.shift();
    if (market.symbol !== this.symbol) return;
    if (points.length === 1) this.#setPrecision(market);
    this.series.update(point);
  }

  /** Mark our fills, newest first; the first time they also say what was before the page. */
  mark(fills) {
    const ours = fills
      .filter((fill) => fill.symbol === this.symbol)
      .slice(0, MARKERS_MAX)
      .map((fill) => ({ fill, time: secondOf(fill.executed_at) }))
      .reverse();
    if (ours.length && this.points.has(this.symbol) && !this.begun.has(this.symbol)) this.#beginWith(ours);
    this.markers.setMarkers(ours.map(({ fill, time }) => marker(fill, time)));
  }

  #beginWith(ours) {
    this.begun.add(this.symbol);
    const points = this.points.get(this.symbol);
    const before = new Map(ours.filter(({ time }) => time < points[0].time).map(({ fill, time }) => [time, Number(fill.price)]));
    points.unshift(...[...before].map(([time, value]) => ({ time, value })));
    this.series.setData(points);
  }

  #setPrecision(market) {
    const decimals = Math.max(...[market.bid, market.ask, market.last].map((price) => (price ?? "").split(".")[1]?.length ?? 0));
    this.series.applyOptions({ priceFormat: { type: "price", precision: decimals, minMove: 10 ** -decimals } });
  }
}

function secondOf(time) {
  return Math.floor(Date.parse(time) / 1000);
}

function marker(fill, time) {
  return fill.side === "BUY"
    ? { time, position: "belowBar", shape: "arrowUp", color: COLOURS.buy, size: 1 }
    : { time, position: "aboveBar", shape: "arrowDown", color: COLOURS.sell, size: 1 };
}
