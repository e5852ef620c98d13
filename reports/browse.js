/* Lists of things to read: a search and choices decide what is shown. Without this script all of it is.

A thing's facets are those that always hold, then, behind each "|", some that hold together: "c1|won e2|lost e3" is not
found by lost and e2. */
"use strict";
(() => {
  function waysOf(facets) {
    const [always, ...ways] = facets.split("|").map((part) => part.split(" "));
    return ways.length ? ways.map((way) => [...always, ...way]) : [always];
  }

  function setUpBrowser(browser) {
    const items = [...browser.querySelectorAll("[data-facets]")].map((element) => ({
      element,
      ways: waysOf(element.dataset.facets),
      text: [...element.querySelectorAll("[data-text]")].map((part) => part.textContent).join(" ").toLowerCase(),
    }));
    const choices = [...browser.querySelectorAll("select[data-facet]")];
    const buttons = [...browser.querySelectorAll("[data-choose]")];
    const part = (name) => browser.querySelector(`[data-${name}]`);
    const [search, status, nothing, clear] = ["search", "status", "nothing", "clear"].map(part);
    if (!status) return;
    const noun = browser.dataset.browse;
    const chosen = (name) => choices.find((choice) => choice.dataset.facet === name);
    const apply = () => {
      const words = (search?.value ?? "").toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = choices.map((choice) => choice.value).filter(Boolean);
      let found = 0;
      for (const item of items) {
        const match = item.ways.some((way) => wanted.every((facet) => way.includes(facet))) && words.every((word) => item.text.includes(word));
        item.element.hidden = !match;
        found += match;
      }
      for (const button of buttons) button.setAttribute("aria-pressed", String(chosen(button.dataset.choose).value === button.value));
      nothing.hidden = found > 0;
      status.textContent = `${found} of ${items.length} shown ${noun}${items.length === 1 ? "" : "s"} match${found === 1 ? "es" : ""}.`;
    };
    search?.addEventListener("input", apply);
    for (const choice of choices) choice.addEventListener("change", apply);
    for (const button of buttons) button.addEventListener("click", () => {
      chosen(button.dataset.choose).value = button.value;
      apply();
    });
    clear?.addEventListener("click", () => {
      search.value = "";
      for (const choice of choices) choice.value = "";
      apply();
      search.focus();
    });
    browser.querySelector(".controls").hidden = false;
    apply();
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-browse]").forEach(setUpBrowser));
})();
