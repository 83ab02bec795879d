// What GraphiQL and Swagger UI tell of their controls, put right where a control holds another, which a screen reader cannot reach.

// Keeps mending what lies below the element, however often it is drawn anew.
export function keepMended(root, mend) {
  const mended = () => mend(root);
  new MutationObserver(mended).observe(root, { childList: true, subtree: true, attributeFilter: ["role", "aria-selected"] });
  mended();
}

// A tab of GraphiQL holds a button that opens it and one that closes it: they are a list of buttons, one of which is current.
export function asButtons(root) {
  for (const list of root.querySelectorAll(".graphiql-tabs[role]")) list.removeAttribute("role");
  for (const tab of root.querySelectorAll(".graphiql-tab[role], .graphiql-tab[aria-selected]")) {
    tab.querySelector(".graphiql-tab-button")?.setAttribute("aria-current", tab.getAttribute("aria-selected") ?? "false");
    tab.removeAttribute("role");
    tab.removeAttribute("aria-selected");
  }
}

// What opens an operation in Swagger UI holds a link to the place that opening it leads to as well.
export function oneStop(root) {
  for (const link of root.querySelectorAll(".opblock-summary-control a[href]")) link.removeAttribute("href");
}
