// The live socket's life: connect, count the frames, ask again after a gap, come back after a loss.

const STALE_AFTER_MS = 3_000;
// A connection that says nothing for so long is dead, whatever the browser believes of it.
const SILENT_MAX_MS = 60_000;
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 15_000;
const RESYNC_INTERVAL_MS = 1_000;
const WATCH_INTERVAL_MS = 250;
const TOPICS = ["desk", "market"];
const SIGNED_OUT = 4401;

/**
 * Follows `url` and calls `onFrame({type, topic, data})` for frames in order, `onState(state)` with
 * connecting, live, stale, lost or signed-out, and `onAge(ms)` since the last frame.
 */
export class LiveSocket {
  constructor({ url, onFrame, onState, onAge, isSignedOut }) {
    Object.assign(this, { url, onFrame, onState, onAge, isSignedOut });
    this.state = "";
    this.failures = 0;
    this.lastFrameAt = null;
  }

  start() {
    this.#connect();
    setInterval(() => this.#watch(), WATCH_INTERVAL_MS);
  }

  #connect() {
    this.expected = 1;
    this.awaiting = new Set(TOPICS);
    this.lastResyncAt = -Infinity;
    this.openedAt = performance.now();
    this.#become("connecting");
    this.socket = new WebSocket(this.url);
    this.socket.onmessage = (event) => this.#take(JSON.parse(event.data));
    this.socket.onclose = (event) => this.#closed(event.code);
  }

  #take(frame) {
    this.lastFrameAt = performance.now();
    this.failures = 0;
    if (frame.seq !== this.expected) this.awaiting = new Set(TOPICS);
    this.expected = frame.seq + 1;
    if (frame.type === "snapshot") this.awaiting.delete(frame.topic);
    // Deltas upon a picture with a hole in it would draw a wrong one; they wait for the snapshot.
    if (this.awaiting.has(frame.topic)) return this.#resync();
    this.#become("live");
    this.onFrame(frame);
  }

  #resync() {
    const now = performance.now();
    if (now - this.lastResyncAt < RESYNC_INTERVAL_MS) return;
    this.lastResyncAt = now;
    this.socket.send(JSON.stringify({ type: "resync" }));
  }

  #watch() {
    const now = performance.now();
    if (this.lastFrameAt !== null) this.onAge(now - this.lastFrameAt);
    if (this.socket.readyState !== WebSocket.OPEN) return;
    const silence = now - Math.max(this.lastFrameAt ?? 0, this.openedAt);
    if (silence > STALE_AFTER_MS) this.#become("stale");
    if (silence > SILENT_MAX_MS) this.socket.close();
  }

  async #closed(code) {
    this.#become("lost");
    if (code === SIGNED_OUT || (await this.isSignedOut())) return this.#become("signed-out");
    this.failures += 1;
    const delay = Math.min(RETRY_FIRST_MS * 2 ** (this.failures - 1), RETRY_MAX_MS);
    // Spread out, so that a thousand pages do not come back in the same instant.
    setTimeout(() => this.#connect(), delay * (0.5 + Math.random() / 2));
  }

  #become(state) {
    // While it reconnects a page stays "lost" until it is live again.
    if (state === this.state || (state === "connecting" && this.state === "lost")) return;
    this.state = state;
    this.onState(state);
  }
}
