/* A small part of Markdown as DOM nodes: headings, lists, tables, quotes, code, bold, italics. HTML in it stays text. */
"use strict";
const markdown = (() => {
  const LONGEST = 300000, DEEPEST = 30;
  const ENTITIES = { nbsp: "\u00a0", amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
  const INLINE = /\\([!-/:-@[-`{-~])|&(nbsp|amp|lt|gt|quot|#39);|(`+)|(\*\*|__|\*|_)|(?: {2,}|\\)\n|\n/g;
  const ITEM = /^(\s*)(?:([-*+])|(\d{1,9})[.)])\s+(.*)$/;
  const RULE = /^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;

  /* Text, code and line breaks as nodes; a run of stars or underlines that may open or close as {mark, opens, closes}. */
  function pieces(text) {
    const found = [];
    let from = 0;
    INLINE.lastIndex = 0;
    for (let match = INLINE.exec(text); match; match = INLINE.exec(text)) {
      const [all, escaped, entity, ticks, mark] = match;
      if (match.index > from) found.push(text.slice(from, match.index));
      from = INLINE.lastIndex;
      if (escaped) found.push(escaped);
      else if (entity) found.push(ENTITIES[entity]);
      else if (mark) {
        const before = text[match.index - 1] ?? " ", after = text[from] ?? " ", word = /[\p{L}\p{N}]/u;
        const inside = mark[0] === "_" && word.test(before) && word.test(after);
        found.push({ mark, opens: !inside && /\S/.test(after), closes: !inside && /\S/.test(before) });
      } else if (ticks) {
        const end = text.indexOf(ticks, from);
        if (end < 0) found.push(ticks);
        else {
          found.push({ code: text.slice(from, end) });
          from = INLINE.lastIndex = end + ticks.length;
        }
      } else found.push(all === "\n" ? " " : { line: true });
    }
    if (from < text.length) found.push(text.slice(from));
    return found;
  }

  function inline(text, parent) {
    const found = pieces(text), open = [], partner = new Map();
    found.forEach((piece, i) => {
      if (!piece.mark) return;
      const at = open.findLastIndex((j) => found[j].mark === piece.mark);
      if (piece.closes && at >= 0 && open[at] < i - 1) {
        partner.set(open[at], i).set(i, open[at]);
        open.length = at;
      } else if (piece.opens && open.length < DEEPEST) open.push(i);
    });
    let here = parent;
    found.forEach((piece, i) => {
      if (typeof piece === "string") here.append(piece);
      else if (piece.line) here.append(document.createElement("br"));
      else if (piece.code !== undefined) here.append(leaf("code", piece.code));
      else if (!partner.has(i)) here.append(piece.mark);
      else if (partner.get(i) < i) here = here.parentNode;
      else here = here.appendChild(document.createElement(piece.mark.length === 2 ? "strong" : "em"));
    });
    return parent;
  }

  function leaf(tag, text) {
    const made = document.createElement(tag);
    made.textContent = text;
    return made;
  }

  /* Cells of a table's line; an escaped bar is part of its cell. */
  function cells(line) {
    return line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "").split(/(?<!\\)\|/).map((cell) => cell.trim());
  }

  function table(lines) {
    const made = document.createElement("table"), width = cells(lines[0]).length;
    const row = (line, tag) => {
      const tr = document.createElement("tr"), found = cells(line);
      for (let i = 0; i < width; i += 1) tr.append(inline(found[i] ?? "", document.createElement(tag)));
      return tr;
    };
    made.createTHead().append(row(lines[0], "th"));
    made.createTBody().append(...lines.slice(2).map((line) => row(line, "td")));
    const scroll = document.createElement("div");
    scroll.className = "scroll";
    scroll.append(made);
    return scroll;
  }

  /* Lines of one list, nested by their indent; a line that starts no item goes on with the item above it. */
  function list(lines) {
    const root = document.createDocumentFragment(), stack = [];
    let text = null, item = null;
    const flush = () => { if (item) inline(text.join("\n"), item); item = null; };
    for (const line of lines) {
      const match = ITEM.exec(line);
      if (!match) { if (line.trim()) text.push(line.trimStart()); continue; }
      flush();
      const indent = match[1].length, kind = match[2] ? "ul" : "ol";
      while (stack.length && (stack.at(-1).indent > indent + 1 || stack.length > DEEPEST)) stack.pop();
      const top = stack.at(-1);
      if (!top || (indent > top.indent + 1)) {
        const made = (top ? top.element.lastElementChild : root).appendChild(document.createElement(kind));
        if (kind === "ol") made.start = Number(match[3]);
        stack.push({ indent, element: made });
      }
      text = [match[4]];
      item = stack.at(-1).element.appendChild(document.createElement("li"));
    }
    flush();
    return root;
  }

  function blocks(lines, parent, depth) {
    let i = 0;
    const take = (belongs) => {
      const from = i;
      while (i < lines.length && belongs(lines[i], i)) i += 1;
      return lines.slice(from, i);
    };
    const startsTable = (line, at) => line.includes("|") && at + 1 < lines.length && lines[at + 1].includes("-") && RULE.test(lines[at + 1]);
    const startsBlock = (line, at) => /^(?:#{1,6}\s|```|>)/.test(line) || ITEM.test(line) || startsTable(line, at);
    while (i < lines.length) {
      const line = lines[i];
      const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
      if (!line.trim()) i += 1;
      else if (heading) {
        parent.append(inline(heading[2], document.createElement(heading[1].length < 3 ? "h4" : "h5")));
        i += 1;
      } else if (line.startsWith("```")) {
        i += 1;
        parent.append(leaf("pre", take((next) => !next.startsWith("```")).join("\n")));
        i += 1;
      } else if (/^\s*(?:-{3,}|\*{3,}|_{3,})\s*$/.test(line)) {
        parent.append(document.createElement("hr"));
        i += 1;
      } else if (line.startsWith(">") && depth < DEEPEST) {
        const inner = take((next) => next.startsWith(">")).map((next) => next.replace(/^> ?/, ""));
        parent.append(blocks(inner, document.createElement("blockquote"), depth + 1));
      } else if (ITEM.test(line)) {
        const lazy = (next, at) => ITEM.test(next) || (next.trim() ? (lines[at - 1].trim() !== "" && !startsBlock(next, at)) || /^\s/.test(next) : at + 1 < lines.length && (ITEM.test(lines[at + 1]) || /^\s+\S/.test(lines[at + 1])));
        parent.append(list(take(lazy)));
      } else if (startsTable(line, i)) parent.append(table(take((next) => next.includes("|"))));
      else {
        const first = i;
        const words = take((next, at) => next.trim() && (at === first || !startsBlock(next, at)));
        parent.append(inline(words.join("\n").trim(), document.createElement("p")));
      }
    }
    return parent;
  }

  /* Draw the text into the element; what is too long to be looked through stands there as it is. */
  function render(text, element) {
    element.replaceChildren();
    if (text.length > LONGEST) element.append(leaf("pre", text));
    else blocks(text.split(/\r\n?|\n/), element, 0);
    return element;
  }
  return { render };
})();
