// The order ticket: fields that the chosen type has no use for are switched off.

/** Keep price and time in force in step with the type; `form` is null where the role may not trade. */
export function prepareTicket(form) {
  if (!form) return;
  const adapt = () => {
    const isMarket = form.elements.type.value === "MARKET";
    form.elements.price.disabled = isMarket;
    form.elements.price.required = !isMarket;
    if (isMarket) form.elements.price.value = "";
    form.elements.tif.disabled = form.elements.type.value !== "LIMIT";
  };
  form.elements.type.addEventListener("change", adapt);
  adapt();
}
