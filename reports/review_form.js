/* The review form: draws one record at a time, keeps every draft in the browser's store, saves answers as a file. */
"use strict";
(() => {
  const FEW = 12, LONGEST_LIST = 200, PATIENCE_MS = 250;
  const WORDS = { open: "not answered", draft: "draft", submitted: "submitted", discarded: "skipped", returned: "came back" };
  const part = (name) => document.querySelector(`[data-${name}]`);
  const parse = (id) => JSON.parse(document.getElementById(id).textContent);

  function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name in element) element[name] = value;
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  /* A browser may refuse storage to a file or a private window, or be full: then people must know, and save sooner. */
  const store = {
    get(key) { try { return localStorage.getItem(key); } catch { return null; } },
    set(key, value) {
      try {
        localStorage.setItem(key, value);
      } catch {
        warn("This browser keeps no drafts for this page (its storage is off or full): save your answers before you close it.");
      }
    },
    drop(key) { try { localStorage.removeItem(key); } catch { return; } },
  };

  function warn(text) {
    const place = part("warning");
    place.textContent = text;
    place.hidden = !text;
  }
  const say = (text) => { part("said").textContent = text; };
  const wellFormed = (text) => (text.toWellFormed ? text.toWellFormed() : text);
  const isBlank = (value) => value === undefined || String(value).trim() === "";
  const plural = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;

  let form, records, returned, shared;
  let author = "", index = 0, values = {}, timer = 0;
  const answers = new Map(), texts = [];

  /* ---- what is kept ---- */

  const keyOf = (i, who) => `cluster-r1/review/${form.name}/${who}/${records[i].key}`;
  const ownReturn = (i) => (returned.get(records[i].id) ?? []).find((item) => item.author === author);
  const isDone = (i) => ["submitted", "discarded"].includes(answers.get(i)?.status);
  const unsaved = () => [...answers.values()].filter((answer) => !answer.saved).length;

  function statusOf(i) {
    const answer = answers.get(i);
    if (!isDone(i) && ownReturn(i)) return "returned";
    return answer ? answer.status : "open";
  }

  function stored(i, who) {
    const text = store.get(keyOf(i, who));
    if (text === null) return null;
    try { return JSON.parse(text); } catch { return null; }
  }

  /* An answer that came back and was not changed since is a draft again, with all that was typed. */
  function load() {
    answers.clear();
    records.forEach((record, i) => {
      const answer = stored(i, author), back = ownReturn(i);
      if (answer && !(back && Date.parse(answer.at) < Date.parse(back.at))) {
        const same = back && Date.parse(answer.at) === Date.parse(back.at);
        answers.set(i, same ? { ...answer, status: "draft" } : answer);
      } else if (back) answers.set(i, { status: "draft", values: { ...back.values }, at: back.at, saved: true });
    });
  }

  function keep(i, answer) {
    answers.set(i, answer);
    store.set(keyOf(i, author), JSON.stringify(answer));
  }

  const given = () => Object.fromEntries(
    form.questions.filter((q) => !isBlank(values[q.name])).map((q) => {
      const value = values[q.name];
      return [q.name, q.kind === "rating" ? Number(value) : wellFormed(value)];
    }),
  );
  const put = (status) => keep(index, { status, values: given(), at: new Date().toISOString(), saved: false });

  function flush() {
    if (!timer) return;
    clearTimeout(timer);
    timer = 0;
    put("draft");
    showProgress();
    showStatus();
  }

  function changed(question, value) {
    values[question.name] = value;
    clearTimeout(timer);
    timer = setTimeout(flush, PATIENCE_MS);
    markActive();
  }

  /* Another name: drafts without a name become that person's; those of another person stay theirs unless they are taken. */
  function setAuthor(name) {
    flush();
    const before = author, theirs = [...answers];
    author = name;
    store.set("cluster-r1/review/author", name);
    load();
    if (before === "") take(before, theirs);
    else if (theirs.length && !answers.size) offer(before, theirs);
    showProgress();
    if (records.length) show(index, false);
  }

  function take(before, theirs) {
    for (const [i, answer] of theirs) {
      store.drop(keyOf(i, before));
      if (!answers.has(i) || answers.get(i).at < answer.at) keep(i, { ...answer, saved: false });
    }
  }

  function offer(before, theirs) {
    const button = make("button", { type: "button", className: "link" }, "they are mine");
    button.addEventListener("click", () => {
      take(before, theirs);
      showProgress();
      show(index, false);
      say(`${plural(theirs.length, "answer")} now under the name ${author}.`);
    });
    say(`${plural(theirs.length, "answer")} under the name ${before}: `);
    part("said").append(button);
  }

  /* ---- what is shown ---- */

  function showProgress() {
    const count = (status) => [...answers.values()].filter((answer) => answer.status === status).length;
    const done = count("submitted") + count("discarded"), drafts = count("draft"), open = unsaved();
    const told = [`${done.toLocaleString("en")} of ${plural(records.length, "record")} answered`];
    if (count("discarded")) told.push(`${count("discarded")} skipped`);
    if (drafts) told.push(plural(drafts, "draft"));
    if (open) told.push(`${open.toLocaleString("en")} not saved to a file`);
    part("count").textContent = told.join(" · ");
    part("progress").value = done;
    part("save").classList.toggle("primary", open > 0 && done === records.length);
  }

  function showStatus() {
    const status = statusOf(index), badge = part("status");
    badge.className = `badge ${status}`;
    badge.textContent = WORDS[status];
  }

  function fieldCard(field, text, number) {
    const id = `field-${number}`;
    const body = make("div", { className: field.markdown ? "field-text markdown" : "field-text plain", dir: "auto" });
    if (field.markdown) markdown.render(text, body);
    else body.textContent = text;
    const card = make("article", { className: "card" }, make("h3", { id }, field.title), body);
    card.setAttribute("aria-labelledby", id);
    return card;
  }

  function showProblem(record) {
    const back = returned.get(record.id) ?? [], mended = isDone(index);
    const shown = back.filter((item) => item.author !== author || !mended);
    const lines = shown.map((item) => (item.author === author ? item.reason : `${item.author}: ${item.reason}`));
    if (record.fields.problem) lines.push(record.fields.problem);
    part("reasons").replaceChildren(...lines.map((line) => make("li", { textContent: line, dir: "auto" })));
    part("problem").hidden = !lines.length;
  }

  const proposals = (record, question) => record.suggestions.filter((s) => s.question === question.name);
  const byWhom = (suggestion) => `proposed by ${suggestion.agent}${suggestion.score === null ? "" : ` (${suggestion.score.toFixed(2)})`}`;

  function titleOf(question, tag, attributes) {
    const title = make(tag, { className: "title", ...attributes }, question.title);
    if (!question.required) title.append(make("span", { className: "optional" }, " (optional)"));
    return title;
  }

  function textQuestion(question, record, id) {
    const area = make("textarea", { id, spellcheck: true, dir: "auto", value: values[question.name] ?? "" });
    const rows = () => area.value.slice(0, 5000).split("\n").reduce((sum, line) => sum + Math.ceil((line.length + 1) / 52), 0);
    const size = () => { area.rows = Math.min(22, Math.max(2, rows())); };
    size();
    area.addEventListener("input", () => { changed(question, area.value); size(); });
    const box = make("div", { className: "question" }, titleOf(question, "label", { for: id }));
    if (question.hint) box.append(make("p", { className: "hint", id: `${id}-hint` }, question.hint));
    box.append(area);
    for (const suggestion of proposals(record, question)) {
      const restore = make("button", { type: "button", className: "link" }, "Restore");
      restore.setAttribute("aria-label", `Restore the proposal: ${question.title}`);
      restore.addEventListener("click", () => {
        area.value = suggestion.value;
        changed(question, area.value);
        size();
        area.focus();
      });
      box.append(make("p", { className: "proposed" }, `${byWhom(suggestion)} `, restore));
    }
    return box;
  }

  function option(question, value, suggestions, id) {
    const input = make("input", { type: "radio", name: id, value, checked: String(values[question.name] ?? "") === value });
    input.addEventListener("change", () => changed(question, value));
    const label = make("label", { className: "option" }, input, make("span", { dir: "auto" }, value));
    const said = suggestions.filter((s) => String(s.value) === value).map(byWhom);
    if (said.length) label.lastChild.append(make("p", { className: "proposed" }, said.join("; ")));
    label.append(make("kbd", { "aria-hidden": "true" }));
    return label;
  }

  function choiceQuestion(question, record, id) {
    const suggestions = proposals(record, question), proposed = new Set(suggestions.map((s) => String(s.value)));
    const many = question.options.length > FEW;
    const order = many ? [...question.options].sort((a, b) => proposed.has(b) - proposed.has(a)) : question.options;
    const box = make("fieldset", { className: "question choice" }, titleOf(question, "legend"));
    if (question.hint) box.append(make("p", { className: "hint", id: `${id}-hint` }, question.hint));
    const options = make("div", { className: many ? "options long" : question.kind === "rating" ? "options across" : "options" });
    options.append(...order.map((value) => option(question, value, suggestions, id)));
    if (many) box.append(filterOf(question, options));
    box.append(options);
    numberOptions(options);
    return box;
  }

  function filterOf(question, options) {
    const filter = make("input", { type: "search", placeholder: `Filter ${question.options.length} options`, autocomplete: "off" });
    filter.setAttribute("aria-label", `Filter: ${question.title}`);
    const all = [...options.children].map((label) => [label, label.querySelector("input").value.toLowerCase()]);
    filter.addEventListener("input", () => {
      const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const [label, text] of all) label.hidden = !words.every((word) => text.includes(word));
      numberOptions(options);
    });
    filter.addEventListener("keydown", (event) => {
      const first = options.querySelector(".option:not([hidden]) input");
      if (event.ctrlKey || event.metaKey || !["Enter", "ArrowDown"].includes(event.key) || !first) return;
      event.preventDefault();
      if (event.key === "Enter") first.click();
      first.focus();
    });
    return filter;
  }

  function numberOptions(options) {
    [...options.children].forEach((label) => { label.querySelector("kbd").textContent = ""; });
    [...options.querySelectorAll(".option:not([hidden])")].slice(0, 9).forEach((label, i) => {
      label.querySelector("kbd").textContent = i + 1;
    });
  }

  const boxes = () => [...part("questions").children];

  const choices = () => boxes().filter((box) => box.classList.contains("choice"));
  const openChoice = () => choices().find((box) => !box.querySelector("input:checked"));
  /* The question that number keys answer: the one with the focus, else the first that is still open. */
  const activeBox = () => choices().find((box) => box.contains(document.activeElement)) ?? openChoice() ?? choices()[0];

  function markActive() {
    const active = part("single-keys").checked ? activeBox() : null;
    for (const box of boxes()) box.classList.toggle("active", box === active);
  }

  function show(i, focus = true) {
    flush();
    index = i;
    const record = records[i], answer = answers.get(i);
    const proposed = (q) => record.suggestions.find((s) => s.question === q.name && (q.kind === "text" || q.options.includes(String(s.value))))?.value;
    values = answer ? { ...answer.values } : Object.fromEntries(form.questions.map((q) => [q.name, proposed(q)]));
    part("heading").textContent = `Record ${(i + 1).toLocaleString("en")} of ${records.length.toLocaleString("en")}`;
    part("meta").textContent = Object.entries(record.metadata).map(([name, value]) => `${name}: ${value}`).join(" · ");
    showProblem(record);
    showStatus();
    const shown = { ...shared, ...record.fields };
    const fields = form.fields.filter((f) => f.name !== "problem" && (f.required || shown[f.name]));
    part("fields").replaceChildren(...fields.map((field, n) => fieldCard(field, shown[field.name] ?? "", n)));
    const draw = (q, n) => (q.kind === "text" ? textQuestion : choiceQuestion)(q, record, `question-${n}`);
    part("questions").replaceChildren(...form.questions.map(draw));
    for (const text of document.querySelectorAll(".field-text")) if (text.scrollHeight > text.clientHeight + 1) text.tabIndex = 0;
    for (const hint of document.querySelectorAll(".hint")) (document.getElementById(hint.id.slice(0, -5)) ?? hint.parentElement).setAttribute("aria-describedby", hint.id);
    const chosen = part("questions").querySelector(".options.long :checked");
    if (chosen) chosen.closest(".options").scrollTop = chosen.closest(".option").offsetTop - chosen.closest(".options").offsetTop;
    part("previous").disabled = i === 0;
    part("next").disabled = i === records.length - 1;
    store.set(`cluster-r1/review/${form.name}/last`, record.key);
    markActive();
    if (!focus) return;
    part("heading").focus({ preventScroll: true });
    scrollTo({ top: Math.max(0, part("heading").getBoundingClientRect().top + scrollY - 16), behavior: "instant" });
  }

  /* ---- what people do ---- */

  const step = (by) => { if (records[index + by]) show(index + by); };

  function goOn(what) {
    showProgress();
    const after = [...records.keys()].map((_, i) => (index + 1 + i) % records.length);
    const next = after.find((i) => !isDone(i));
    if (next !== undefined) {
      show(next);
      say(`${what}. ${part("heading").textContent}.`);
    } else {
      show(index, false);
      part("save").focus();
      say(`${what}. Every record is answered: save your answers now.`);
    }
  }

  function complain(question, box) {
    const control = box.querySelector("textarea, input[type=radio]");
    const message = make("p", { className: "error", role: "alert" }, question.kind === "text" ? "Write something here." : "Choose one.");
    box.append(message);
    control.setAttribute("aria-invalid", "true");
    return control;
  }

  function submit() {
    for (const box of boxes()) {
      box.querySelector(".error")?.remove();
      box.querySelector("[aria-invalid]")?.removeAttribute("aria-invalid");
    }
    const missing = form.questions.map((q, n) => [q, boxes()[n]]).filter(([q]) => q.required && isBlank(values[q.name]));
    const controls = missing.map(([question, box]) => complain(question, box));
    if (controls.length) {
      controls[0].focus({ preventScroll: true });
      controls[0].closest(".question").scrollIntoView({ block: "center", behavior: "instant" });
      say(`${plural(missing.length, "question")} to answer before you can submit.`);
      return;
    }
    finish("submitted", "Submitted");
  }

  function finish(status, words) {
    clearTimeout(timer);
    timer = 0;
    put(status);
    goOn(words);
  }

  /* A line of JSON, also for editors that know more line breaks than JSON does. */
  const lineOf = (answer) => JSON.stringify(answer).replace(/[\u007f-\u009f\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

  function save() {
    flush();
    const field = part("author");
    setAuthorOnce();
    if (!author) {
      field.setAttribute("aria-invalid", "true");
      field.focus();
      warn("Write your name first: answers without a name cannot be used.");
      return;
    }
    if (!answers.size) { say("There is nothing to save yet."); return; }
    const lines = [...answers].sort(([a], [b]) => a - b).map(([i, { status, at, values: said }]) => lineOf({
      record: records[i].id, author, status, at, values: said,
    }));
    const name = `${form.name}.answers-${author.replace(/[^\p{L}\p{N}_-]+/gu, "-").slice(0, 60)}.jsonl`;
    const url = URL.createObjectURL(new Blob([lines.join("\n"), "\n"], { type: "application/x-ndjson" }));
    make("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
    for (const [i, answer] of answers) if (!answer.saved) keep(i, { ...answer, saved: true });
    showProgress();
    say(`${plural(lines.length, "answer")} saved as ${name}. Put it into the folder of this page, or send it to whoever asked you.`);
  }

  function setAuthorOnce() {
    const name = wellFormed(part("author").value.trim());
    if (name === author) return;
    part("author").removeAttribute("aria-invalid");
    warn("");
    setAuthor(name);
  }

  /* ---- the list of records ---- */

  function textOf(i) {
    texts[i] ??= [records[i].id, ...Object.values(records[i].metadata), ...Object.values(records[i].fields)].join("\n").toLowerCase();
    return texts[i];
  }

  function listRecords() {
    const words = part("query").value.toLowerCase().split(/\s+/).filter(Boolean), which = part("which").value;
    const number = Number(words.length === 1 ? words[0] : NaN);
    const found = [...records.keys()].filter((i) => (!which || statusOf(i) === which) && (i + 1 === number || words.every((word) => textOf(i).includes(word))));
    if (number >= 1) found.sort((a, b) => (b + 1 === number) - (a + 1 === number));
    const differs = (field) => records.some((record) => record.fields[field.name] !== records[0].fields[field.name]);
    const first = form.fields.find((field) => field.name !== "problem" && !field.markdown && differs(field));
    part("results").replaceChildren(...found.slice(0, LONGEST_LIST).map((i) => {
      const text = (records[i].fields[first?.name] || records[i].id).slice(0, 160);
      const button = make("button", { type: "button" },
        make("span", { className: "number" }, (i + 1).toLocaleString("en")),
        make("span", { className: "what", dir: "auto" }, text),
        make("span", { className: `badge ${statusOf(i)}` }, WORDS[statusOf(i)]));
      if (i === index) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => { part("dialog").close(); show(i); });
      return make("li", {}, button);
    }));
    const cut = found.length > LONGEST_LIST ? `; the first ${LONGEST_LIST} are listed` : "";
    part("found").textContent = `${plural(found.length, "record")}${cut}.`;
  }

  function openList() {
    flush();
    listRecords();
    part("dialog").showModal();
    part("query").focus();
    part("query").select();
  }

  /* ---- keys ---- */

  function onKey(event) {
    if (part("dialog").open || event.isComposing) return;
    const typing = event.target.closest("textarea, input:not([type=radio]):not([type=checkbox]), select");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      if (records.length) submit();
      return;
    }
    if (event.key === "Escape" && typing) { part("heading")?.focus({ preventScroll: true }); return; }
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !part("single-keys").checked) return;
    const act = { n: () => step(1), p: () => step(-1), x: () => finish("discarded", "Skipped"), "/": openList }[event.key.toLowerCase()];
    if (act && records.length) {
      event.preventDefault();
      act();
    } else if (/^[1-9]$/.test(event.key) && records.length) choose(Number(event.key));
  }

  function choose(number) {
    const box = activeBox();
    const input = box && [...box.querySelectorAll(".option:not([hidden]) input")][number - 1];
    if (!input) return;
    input.click();
    (openChoice()?.querySelector("input[type=radio]") ?? input).focus();
  }

  function setUp() {
    ({ form, records, shared } = parse("review-data"));
    returned = new Map(Object.entries(parse("review-returned")));
    part("review").hidden = false;
    author = store.get("cluster-r1/review/author") ?? "";
    part("author").value = author;
    load();
    markdown.render(form.guidelines, part("guidelines-text"));
    part("guidelines").hidden = !form.guidelines.trim();
    part("guidelines").open = !answers.size;
    part("author").addEventListener("change", setAuthorOnce);
    part("save").addEventListener("click", save);
    part("list").addEventListener("click", openList);
    part("close").addEventListener("click", () => part("dialog").close());
    for (const control of [part("query"), part("which")]) control.addEventListener("input", listRecords);
    part("single-keys").checked = store.get("cluster-r1/review/single-keys") !== "off";
    part("single-keys").addEventListener("change", (event) => {
      store.set("cluster-r1/review/single-keys", event.target.checked ? "on" : "off");
      markActive();
    });
    showProgress();
    addEventListener("pagehide", flush);
    document.addEventListener("visibilitychange", flush);
    addEventListener("beforeunload", (event) => { flush(); if (unsaved()) event.preventDefault(); });
    document.addEventListener("keydown", onKey);
    if (!records.length) return;
    part("form").addEventListener("submit", (event) => event.preventDefault());
    part("form").addEventListener("focusin", markActive);
    part("previous").addEventListener("click", () => step(-1));
    part("next").addEventListener("click", () => step(1));
    part("skip").addEventListener("click", () => finish("discarded", "Skipped"));
    part("submit").addEventListener("click", submit);
    const last = store.get(`cluster-r1/review/${form.name}/last`);
    const begin = [...records.keys()].find((i) => statusOf(i) === "returned") ?? records.findIndex((record) => record.key === last);
    show(Math.max(0, begin), false);
  }

  document.addEventListener("DOMContentLoaded", () => { if (part("review")) setUp(); });
})();
