// Rows on the page that follow rows of data: kept by id, changed in place, so that focus and scrolling stay.

/** Fill an element's `data-field` parts as text; only what differs is touched. */
export function fillFields(element, fields) {
  for (const part of element.querySelectorAll("[data-field]")) {
    const text = fields[part.dataset.field] ?? "";
    if (part.textContent !== text) part.textContent = text;
  }
}

/** Clones `template` per row into `body`; `show(element, row)` fills it in. */
export class KeyedTable {
  constructor({ body, template, show, rowsMax = 300 }) {
    Object.assign(this, { body, template, show, rowsMax });
    this.elements = new Map();
    this.filled = false;
  }

  render(rows) {
    const shown = rows.slice(0, this.rowsMax);
    const ids = new Set(shown.map((row) => row.id));
    for (const [id, element] of this.elements) if (!ids.has(id)) this.#remove(id, element);
    let next = this.body.firstElementChild;
    for (const row of shown) {
      const element = this.elements.get(row.id) ?? this.#add(row);
      this.show(element, row);
      if (element === next) next = next.nextElementSibling;
      else this.body.insertBefore(element, next);
    }
    this.filled = true;
  }

  #add(row) {
    const element = this.template.content.firstElementChild.cloneNode(true);
    element.dataset.id = row.id;
    // The first rows were there before the page; only later ones are news.
    if (this.filled) element.classList.add("arrived");
    this.elements.set(row.id, element);
    return element;
  }

  #remove(id, element) {
    if (element.contains(document.activeElement)) this.body.closest("[tabindex]")?.focus({ preventScroll: true });
    element.remove();
    this.elements.delete(id);
  }
}
