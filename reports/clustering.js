/* The map of a clustered corpus: choosing clusters, reading points by pointer and by keyboard, and the way to the list. */
"use strict";
(() => {
  function clearList() {
    document.querySelector("#texts [data-clear]")?.click();
  }

  function setUpMap(map) {
    const frame = map.parentElement;
    const said = document.querySelector("[data-said]");
    const points = [...map.querySelectorAll("use")].map((element) => ({
      element,
      whole: element.parentElement.tagName === "a" ? element.parentElement : element,
      kinds: element.dataset.kinds.split(" "),
      x: parseFloat(element.getAttribute("x")),
      y: parseFloat(element.getAttribute("y")),
      told: element.querySelector("title").textContent,
    }));
    const byElement = new Map(points.map((point) => [point.element, point]));
    let open = points, now = null;

    const show = (point) => {
      now?.element.classList.remove("now");
      now = point;
      point.element.classList.add("now");
      const [about, text] = point.told.split("\n");
      const head = document.createElement("p");
      head.className = "strong";
      head.dir = "auto";
      head.textContent = about;
      const body = document.createElement("p");
      body.dir = "auto";
      body.textContent = text;
      said.replaceChildren(head, body);
      if (point.whole !== point.element) {
        const link = document.createElement("a");
        link.href = point.whole.getAttribute("href");
        link.textContent = "Read it in the list";
        link.addEventListener("click", clearList);
        said.append(link);
      }
    };

    function pick(kind) {
      map.classList.toggle("picked", kind !== "");
      for (const point of points) point.element.classList.toggle("on", point.kinds.includes(kind));
      open = kind ? points.filter((point) => point.kinds.includes(kind)) : points;
      if (kind) for (const point of open) map.append(point.whole);
      for (const button of buttons) button.setAttribute("aria-pressed", String(button.value === kind));
    }

    const buttons = [...document.querySelectorAll("[data-pick]")].map((item) => {
      const button = document.createElement("button");
      button.type = "button";
      button.value = item.dataset.pick;
      button.setAttribute("aria-pressed", "false");
      button.append(...item.childNodes);
      item.append(button);
      button.addEventListener("click", () => pick(button.getAttribute("aria-pressed") === "true" ? "" : button.value));
      return button;
    });

    const away = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    function step([right, down]) {
      if (!now || !open.includes(now)) return open[0];
      const { width, height } = map.getBoundingClientRect();
      let best = null, least = Infinity;
      for (const point of open) {
        const [x, y] = [(point.x - now.x) * width, (point.y - now.y) * height];
        const along = x * right + y * down, across = Math.abs(x * down) + Math.abs(y * right);
        if (along > 0 && along + 2 * across < least) [best, least] = [point, along + 2 * across];
      }
      return best;
    }

    frame.tabIndex = 0;
    frame.setAttribute("role", "group");
    frame.setAttribute("aria-label", "Map: the arrow keys go from text to text, Enter opens the one that is shown");
    frame.addEventListener("keydown", (event) => {
      if (away[event.key]) {
        event.preventDefault();
        const next = step(away[event.key]);
        if (next) show(next);
      } else if (event.key === "Enter") said.querySelector("a")?.click();
    });
    map.addEventListener("pointerover", (event) => {
      const point = byElement.get(event.target.closest("use"));
      if (point) show(point);
    });
    map.addEventListener("click", (event) => {
      if (event.target.closest("a")) clearList();
    });
    said.setAttribute("aria-live", "polite");
    said.textContent = "Point at a text to read it.";
    said.hidden = false;
    document.querySelector("[data-hint]").hidden = false;
  }

  function setUpShowing(link) {
    link.addEventListener("click", () => {
      clearList();
      const cluster = document.querySelector('#texts [data-facet="cluster"]');
      cluster.value = link.dataset.show;
      cluster.dispatchEvent(new Event("change"));
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-map]").forEach(setUpMap);
    document.querySelectorAll("[data-show]").forEach(setUpShowing);
    document.querySelector("#texts [data-documents]")?.addEventListener("clear", clearList);
  });
})();
