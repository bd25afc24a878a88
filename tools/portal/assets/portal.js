// What every page can do: colours, search, versions, copying, live state.
(() => {
  "use strict";
  const $ = (selector, within = document) => within.querySelector(selector);
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
  const root = document.documentElement;

  // Colours: system → light → dark.
  const NAMES = { system: "as the system", light: "light", dark: "dark" };
  const themeButton = $("#theme");
  const currentTheme = () => root.dataset.theme ?? "system";
  const nameTheme = () => {
    themeButton.setAttribute("aria-label", `Colours: ${NAMES[currentTheme()]}`);
    themeButton.title = themeButton.getAttribute("aria-label");
  };
  themeButton.addEventListener("click", () => {
    const all = Object.keys(NAMES);
    const next = all[(all.indexOf(currentTheme()) + 1) % all.length];
    if (next === "system") delete root.dataset.theme;
    else root.dataset.theme = next;
    try {
      if (next === "system") localStorage.removeItem("shoal.theme");
      else localStorage.setItem("shoal.theme", next);
    } catch {
      // It lasts as long as the page.
    }
    nameTheme();
    document.dispatchEvent(new CustomEvent("shoal:theme"));
  });
  nameTheme();

  // Versions and other choices that lead to a page.
  for (const select of $$("select[data-navigate]")) {
    select.addEventListener("change", () => { location.href = select.value; });
  }

  // Copying of code.
  for (const block of $$("pre")) {
    if (!navigator.clipboard) break;
    const button = Object.assign(document.createElement("button"), { type: "button", className: "copy", textContent: "Copy" });
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText($("code", block)?.textContent ?? "");
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    block.append(button);
  }

  // The part of the page that is being read.
  const contents = new Map($$(".contents a").map((link) => [decodeURIComponent(link.hash.slice(1)), link]));
  if (contents.size > 0) {
    const watch = new IntersectionObserver((entries) => {
      const seen = entries.find((entry) => entry.isIntersecting);
      if (!seen) return;
      for (const [id, link] of contents) link.classList.toggle("here", id === seen.target.id);
    }, { rootMargin: "-10% 0px -75% 0px" });
    for (const id of contents.keys()) {
      const heading = document.getElementById(id);
      if (heading) watch.observe(heading);
    }
  }

  // Lists that can be narrowed.
  for (const input of $$("input[data-filter]")) {
    const cards = $$(input.dataset.filter).map((card) => [card, card.textContent.toLowerCase()]);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/);
      for (const [card, text] of cards) card.hidden = !words.every((word) => text.includes(word));
      for (const group of $$("[data-filter-group]")) group.hidden = !$(`${input.dataset.filter}:not([hidden])`, group);
      const left = cards.filter(([card]) => !card.hidden).length;
      $(`#${input.id}-state`).textContent = input.value ? `${left} of ${cards.length}` : "";
    });
  }

  // Live state of the services, where a gateway serves the page.
  const live = $("#live");
  if (live && location.protocol.startsWith("http")) showHealth();
  async function showHealth() {
    let health;
    try {
      const answer = await fetch(live.dataset.health, { headers: { accept: "application/json" } });
      if (!answer.ok || !(answer.headers.get("content-type") ?? "").includes("json")) return;
      health = await answer.json();
    } catch {
      return;
    }
    const services = health.services ?? [];
    const ready = services.filter((service) => service.state === "ready").length;
    live.textContent = `${ready} of ${services.length} services are ready now.`;
    for (const { name, state, version } of services) {
      const card = $(`[data-service="${CSS.escape(name)}"]`);
      if (!card) continue;
      const line = $(".health", card);
      line.hidden = false;
      line.classList.add(state.replace("_", "-"));
      const words = state.replace("_", " ");
      $(".state", line).textContent = version ? `${words}, running ${version}` : words;
    }
  }

  // Search.
  const dialog = $("#search");
  const input = $("#search-input");
  const list = $("#search-results");
  const state = $("#search-state");
  const cut = (text) => text.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  let index;
  let chosen = -1;

  const load = (path) => new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { src: path, onload: resolve, onerror: reject });
    document.head.append(script);
  });
  async function ready() {
    if (index) return;
    await Promise.all([load(dialog.dataset.load), load(dialog.dataset.index)]);
    const options = { fields: ["title", "where", "text"], storeFields: ["url", "title", "where", "excerpt"], tokenize: cut };
    index ??= MiniSearch.loadJS(self.shoalSearchIndex, options);
  }
  async function open() {
    if (dialog.open) return;
    dialog.showModal();
    input.select();
    state.textContent = "";
    try {
      await ready();
    } catch {
      state.textContent = "The search could not be loaded; reload the page to try again.";
      return;
    }
    find();
  }
  function find() {
    const query = input.value.trim();
    list.replaceChildren();
    choose(-1);
    if (!query || !index) {
      state.textContent = query ? "" : "↑ ↓ to choose, Enter to open.";
      input.setAttribute("aria-expanded", "false");
      return;
    }
    const options = { prefix: true, fuzzy: (term) => (term.length > 4 ? 0.2 : false), boost: { title: 4, where: 1.5 }, combineWith: "AND" };
    const found = index.search(query, options);
    const shown = found.slice(0, 24);
    const words = cut(query.toLowerCase());
    list.append(...shown.map((result, i) => option(result, i, words)));
    input.setAttribute("aria-expanded", String(shown.length > 0));
    state.textContent = found.length === 0 ? "Nothing found." : `${found.length} found.`;
    if (shown.length > 0) choose(0);
  }
  function option(result, i, words) {
    const link = Object.assign(document.createElement("a"), { id: `result-${i}`, href: root.dataset.root + result.url, tabIndex: -1 });
    link.setAttribute("role", "option");
    link.append(span("title", marked(result.title, words)), span("place", [result.where]), span("excerpt", marked(result.excerpt, words)));
    link.addEventListener("pointermove", () => choose(i));
    link.addEventListener("click", () => dialog.close());
    return link;
  }
  function span(name, parts) {
    const element = Object.assign(document.createElement("span"), { className: name });
    element.append(...parts);
    return element;
  }
  function marked(text, words) {
    const pattern = new RegExp(`(${words.map((word) => word.replace(/[^\p{L}\p{N}]/gu, "")).filter(Boolean).join("|")})`, "giu");
    return text.split(pattern).map((part, i) => (i % 2 ? Object.assign(document.createElement("mark"), { textContent: part }) : part));
  }
  function choose(i) {
    const all = [...list.children];
    chosen = i;
    all.forEach((element, n) => element.setAttribute("aria-selected", String(n === i)));
    if (all[i]) {
      input.setAttribute("aria-activedescendant", all[i].id);
      all[i].scrollIntoView({ block: "nearest" });
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  }
  $("#search-open").addEventListener("click", open);
  input.addEventListener("input", find);
  input.addEventListener("keydown", (event) => {
    const count = list.children.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (count > 0) choose((chosen + step + count) % count);
    } else if (event.key === "Enter") {
      event.preventDefault();
      list.children[chosen]?.click();
    }
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]:not([contenteditable=false])");
    const wanted = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (wanted && !typing && !$("dialog[open]")) {
      event.preventDefault();
      open();
    }
  });
})();
