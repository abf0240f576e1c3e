// What the server answers to a press of a button. Only the desk's own fragments become part of the page.

const FRAGMENT_HEADER = "X-Desk-Answer";
const UNKNOWN = "No answer from the desk: it is not known whether this was done. Look before you try again.";

/** Keep login pages and error pages out of the page, and say so in `place` when an answer is missing. */
export function guardAnswers(place) {
  const say = (text) => {
    const line = document.createElement("p");
    line.className = "refused";
    line.textContent = text;
    place.replaceChildren(line);
  };
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (xhr.getResponseHeader(FRAGMENT_HEADER)) return;
    event.detail.shouldSwap = false;
    if (new URL(xhr.responseURL).pathname === "/login/") location.assign("/login/?next=/");
    else say(`${UNKNOWN} (${xhr.status})`);
  });
  document.body.addEventListener("htmx:sendError", () => say(UNKNOWN));
  document.body.addEventListener("htmx:timeout", () => say(UNKNOWN));
}
