/* What the page does beyond showing: theme, tabs, sorting, searching. Without this script everything is still there. */
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");

  const stored = {
    // A browser may refuse storage to a file or to a private window; the choice then lasts as long as the page.
    get() { try { return localStorage.getItem("cluster-r1-theme"); } catch { return null; } },
    set(theme) { try { localStorage.setItem("cluster-r1-theme", theme); } catch { return; } },
  };
  const chosen = stored.get();
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;

  function setUpTheme() {
    const button = document.querySelector("[data-theme-toggle]");
    const system = matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
    const show = () => button.setAttribute("aria-pressed", String(isDark()));
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      stored.set(root.dataset.theme);
      show();
    });
    system.addEventListener("change", show);
    show();
    button.hidden = false;
  }

  function setUpTabs() {
    const list = document.querySelector("[data-tabs]");
    if (!list) return () => {};
    const tabs = [...list.querySelectorAll("a")];
    const panels = tabs.map((tab) => document.getElementById(tab.getAttribute("href").slice(1)));
    list.setAttribute("role", "tablist");
    tabs.forEach((tab, i) => {
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panels[i].id);
      panels[i].setAttribute("role", "tabpanel");
    });
    const select = (index) => tabs.forEach((tab, i) => {
      tab.setAttribute("aria-selected", String(i === index));
      tab.tabIndex = i === index ? 0 : -1;
      panels[i].hidden = i !== index;
    });
    const go = (index) => {
      select(index);
      history.replaceState(null, "", "#" + panels[index].id);
    };
    list.addEventListener("click", (event) => {
      const index = tabs.indexOf(event.target.closest("a"));
      if (index < 0) return;
      event.preventDefault();
      go(index);
    });
    list.addEventListener("keydown", (event) => {
      const now = tabs.indexOf(document.activeElement);
      const last = tabs.length - 1;
      const next = { ArrowRight: now === last ? 0 : now + 1, ArrowLeft: now ? now - 1 : last, Home: 0, End: last, " ": now }[event.key];
      if (now < 0 || next === undefined) return;
      event.preventDefault();
      go(next);
      tabs[next].focus();
    });
    select(0);
    return (target) => {
      const index = panels.findIndex((panel) => panel.contains(target));
      if (index >= 0) select(index);
    };
  }

  function followLinks(selectTabOf) {
    const reveal = () => {
      const target = location.hash && document.getElementById(location.hash.slice(1));
      if (!target) return;
      selectTabOf(target);
      if (target.matches(".doc[hidden], .group[hidden]")) target.closest("[data-documents]").dispatchEvent(new Event("clear"));
      for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
      target.scrollIntoView({ block: target.classList.contains("panel") ? "nearest" : "start" });
      if (target.tabIndex === -1 && target.hasAttribute("tabindex")) target.focus({ preventScroll: true });
    };
    addEventListener("hashchange", reveal);
    document.addEventListener("click", (event) => {
      const link = event.target.closest('a[href^="#"]:not([role="tab"])');
      if (link && link.getAttribute("href") === location.hash) reveal();
    });
    reveal();
  }

  function setUpSorting(table) {
    const body = table.tBodies[0];
    if (!body || body.rows.length < 2) return;
    const value = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const numeric = head.classList.contains("num");
        const first = numeric && column > 0 ? "descending" : "ascending";
        const order = head.getAttribute("aria-sort") === first ? (first === "ascending" ? "descending" : "ascending") : first;
        for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const compare = (a, b) => (numeric ? Number(a) - Number(b) : a.localeCompare(b));
        body.append(...[...body.rows].sort((a, b) => sign * compare(value(a, column), value(b, column))));
      });
    });
  }

  function setUpDocuments(browser) {
    const part = (name) => browser.querySelector(`[data-${name}]`);
    const [query, outcome, cluster, status, nothing] = ["query", "outcome", "cluster", "status", "nothing"].map(part);
    if (!query) return;
    const groups = [...browser.querySelectorAll("[data-group]")].map((element) => ({
      element,
      outcome: element.dataset.group,
      docs: [...element.querySelectorAll(".doc")].map((doc) => ({
        element: doc, votes: doc.dataset.votes.split(" "), text: doc.textContent.toLowerCase(),
      })),
    }));
    const unfiltered = status.textContent;
    let pair = [], pairNames = "";
    const apply = () => {
      const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = [...pair, cluster.value].filter(Boolean);
      const filtered = words.length > 0 || wanted.length > 0 || outcome.value !== "";
      let found = 0, all = 0;
      for (const group of groups) {
        let here = 0;
        for (const doc of group.docs) {
          const match = (!outcome.value || group.outcome === outcome.value)
            && wanted.every((vote) => doc.votes.includes(vote))
            && words.every((word) => doc.text.includes(word));
          doc.element.hidden = !match;
          here += match;
        }
        all += group.docs.length;
        found += here;
        group.element.hidden = filtered && !here;
        group.element.open = filtered ? here > 0 : false;
      }
      nothing.hidden = !filtered || found > 0;
      status.textContent = filtered ? `${found} of ${all} shown documents match${pair.length ? `: ${pairNames}` : ""}.` : unfiltered;
    };
    const clear = () => {
      [query.value, outcome.value, cluster.value, pair] = ["", "", "", []];
      apply();
    };
    query.addEventListener("input", apply);
    for (const control of [outcome, cluster]) control.addEventListener("change", () => { pair = []; apply(); });
    part("clear").addEventListener("click", () => { clear(); query.focus(); });
    browser.addEventListener("clear", clear);
    for (const button of document.querySelectorAll(`[data-browser="${browser.id}"]`)) {
      button.hidden = false;
      button.addEventListener("click", () => {
        clear();
        pair = button.dataset.pair.split(" ");
        pairNames = [...button.closest("th").querySelectorAll("bdi")].map((name) => name.textContent).join(" and ");
        outcome.value = "conflict";
        apply();
        browser.scrollIntoView();
        query.focus({ preventScroll: true });
      });
    }
    browser.querySelector(".controls").hidden = false;
  }

  function foldLongTexts() {
    for (const text of document.querySelectorAll(".doc-text.long")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "link";
      const show = (open) => {
        text.classList.toggle("unfolded", open);
        button.setAttribute("aria-expanded", String(open));
        button.textContent = open ? "Show less" : "Show all";
      };
      button.addEventListener("click", () => show(!text.classList.contains("unfolded")));
      show(false);
      text.after(button);
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    setUpTheme();
    const selectTabOf = setUpTabs();
    document.querySelectorAll("table[data-sortable]").forEach(setUpSorting);
    document.querySelectorAll("[data-documents]").forEach(setUpDocuments);
    foldLongTexts();
    followLinks(selectTabOf);
  });
})();
