// Dialogs that ask before something that cannot be taken back.

/** Let `data-dialog` buttons open their dialog, `data-closes` close it, and a sent form close its own. */
export function prepareDialogs() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) document.getElementById(opener.dataset.dialog).showModal();
    event.target.closest("[data-closes]")?.closest("dialog").close();
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    const form = event.target.closest("[data-closes-dialog]");
    if (!form) return;
    form.closest("dialog").close();
    form.reset();
  });
}
