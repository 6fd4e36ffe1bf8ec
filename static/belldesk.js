// What pages do beyond plain HTML. Everything hangs on data attributes; no page has a script of its own.
(() => {
  const bootstrap = window.bootstrap ?? window.tabler?.bootstrap;
  const find = (selector, inside = document) => inside.querySelector(selector);
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const word = (name) => find("#words")?.dataset[name] ?? "";
  const on = (event, selector, deed) =>
    document.addEventListener(event, (e) => {
      const target = e.target instanceof Element && e.target.closest(selector);
      if (target) deed(target, e);
    });

  // ---- Toasts -------------------------------------------------------------------------------
  const STAYS = { ok: 6000, info: 6000, warn: 15000 };

  function retire(toast) {
    const life = STAYS[toast.dataset.toast];
    if (life) setTimeout(() => toast.remove(), life);
  }

  function say(text, kind = "info") {
    const templates = find("#toast-templates")?.content;
    const pattern = templates && (find(`[data-toast="${CSS.escape(kind)}"]`, templates) ?? find("[data-toast]", templates));
    if (!pattern) return;
    const toast = document.importNode(pattern, true);
    find("[data-toast-text]", toast).textContent = text;
    find("#toasts").append(toast);
    retire(toast);
  }

  on("click", "[data-toast-close]", (button) => button.closest("[data-toast]").remove());
  document.body.addEventListener("toast", ({ detail }) => say(detail.text ?? detail.value ?? "", detail.kind));

  // ---- htmx ---------------------------------------------------------------------------------
  document.body.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.verb !== "get") detail.headers["X-CSRFToken"] = find("meta[name=csrf-token]").content;
  });
  document.body.addEventListener("htmx:responseError", ({ detail }) => {
    if (detail.xhr.getResponseHeader("HX-Trigger")?.includes("toast")) return; // the server said it itself
    const reference = detail.xhr.getResponseHeader("X-Request-ID");
    say(word("failed") + (reference ? ` ${word("reference")}: ${reference}` : ""), "bad");
  });
  document.body.addEventListener("htmx:sendError", () => say(word("offline"), "bad"));

  // ---- The modal: whatever is swapped into #modal-body opens it; HX-Trigger: closeModal closes it ----
  const host = find("#modal");
  const body = find("#modal-body");
  let opener = null;

  function fit() {
    const size = find("[data-modal-size]", body)?.dataset.modalSize;
    const dialog = find(".modal-dialog", host);
    dialog.classList.remove("modal-sm", "modal-lg", "modal-xl");
    if (size) dialog.classList.add(`modal-${size}`);
  }

  if (host && bootstrap) {
    document.body.addEventListener("htmx:beforeRequest", ({ detail }) => {
      if (detail.target === body && !host.classList.contains("show")) opener = detail.elt;
    });
    document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
      if (detail.target !== body || !body.childElementCount) return;
      fit();
      bootstrap.Modal.getOrCreateInstance(host).show();
    });
    document.body.addEventListener("closeModal", () => bootstrap.Modal.getInstance(host)?.hide());
    host.addEventListener("shown.bs.modal", () =>
      find("[autofocus], input:not([type=hidden]), select, textarea", body)?.focus());
    host.addEventListener("hidden.bs.modal", () => {
      body.replaceChildren(); // a progress bar in it stops asking
      if (opener?.isConnected) opener.focus();
    });
  }

  // ---- The question before a deed ----------------------------------------------------------
  // The button that says yes repeats the deed's own words and colour: "Delete", not "OK".
  function ask(question, deed, cause) {
    const dialog = find("#confirm");
    if (!dialog || !bootstrap) {
      if (window.confirm(question)) deed();
      return;
    }
    find("[data-confirm-text]", dialog).textContent = question;
    const modal = bootstrap.Modal.getOrCreateInstance(dialog);
    const yes = find("[data-confirm-yes]", dialog);
    yes.dataset.word ??= yes.textContent;
    yes.textContent = cause?.textContent.trim() || yes.dataset.word;
    yes.className = `btn ${cause?.classList.contains("btn-danger") ? "btn-danger" : "btn-primary"}`;
    yes.onclick = () => { modal.hide(); deed(); };
    dialog.addEventListener("shown.bs.modal", () => yes.focus(), { once: true });
    modal.show();
  }

  const agreed = new WeakSet();
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const button = event.submitter;
    const question = button?.dataset.confirm ?? form.dataset.confirm;
    if (!question || agreed.delete(form)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    ask(question, () => { agreed.add(form); form.requestSubmit(button); }, button);
  }, true);
  on("click", "a[data-confirm]", (link, event) => {
    event.preventDefault();
    ask(link.dataset.confirm, () => { location.href = link.href; }, link);
  });
  document.body.addEventListener("htmx:confirm", (event) => {
    if (!event.detail.question) return;
    event.preventDefault();
    ask(event.detail.question, () => event.detail.issueRequest(true), event.detail.elt.closest(".btn"));
  });

  // ---- Clock and relative times ------------------------------------------------------------
  const language = document.documentElement.lang || undefined;
  const clock = find("[data-clock]");
  const hands = clockHands(clock?.dataset.zone);
  const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];
  const words = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });

  function clockHands(timeZone) {
    const parts = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
    try {
      return new Intl.DateTimeFormat("en-GB", { ...parts, timeZone: timeZone || undefined });
    } catch { // a zone this browser does not know: its own is better than no clock
      return new Intl.DateTimeFormat("en-GB", parts);
    }
  }

  function ago(moment) {
    const seconds = (new Date(moment) - Date.now()) / 1000;
    const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
    return words.format(Math.trunc(seconds / size), unit);
  }

  // Beyond a month the date itself says more, and is what the server wrote.
  const recent = (time) => Math.abs(Date.now() - new Date(time.dateTime)) < 30 * 86400e3;

  function tell(inside = document) {
    all("time[data-relative]", inside).filter(recent).forEach((time) => { time.textContent = ago(time.dateTime); });
  }

  function tick() {
    if (clock) clock.textContent = hands.format();
    setTimeout(tick, 1000 - (Date.now() % 1000));
  }

  // ---- Theme --------------------------------------------------------------------------------
  const markTheme = () => all("[data-theme-form] button").forEach((button) =>
    button.setAttribute("aria-current", String(button.value === (document.documentElement.dataset.themeChoice || "auto"))));

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-theme-form]");
    if (!form || !event.submitter) return;
    event.preventDefault();
    document.documentElement.dispatchEvent(new CustomEvent("belldesk:theme", { detail: event.submitter.value }));
    markTheme();
    form.closest("details")?.removeAttribute("open");
    fetch(form.dataset.url, { method: "POST", body: new FormData(form, event.submitter), redirect: "manual" })
      .catch(() => say(word("offline"), "warn"));
  });

  // ---- Menus of the header ------------------------------------------------------------------
  const closeMenus = (except) =>
    all("details.bd-menu[open]").filter((menu) => menu !== except).forEach((menu) => menu.removeAttribute("open"));
  document.addEventListener("click", ({ target }) => closeMenus(target.closest("details.bd-menu")));

  // ---- Keys -----------------------------------------------------------------------------------
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeMenus();
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    const wanted = ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") || (event.key === "/" && !typing);
    const box = find("[data-search]");
    if (!wanted || !box) return;
    event.preventDefault();
    box.focus();
    box.select();
  });

  // ---- Copy, reveal -----------------------------------------------------------------------------
  on("click", "[data-copy]", async (button) => {
    await writeClipboard(button.dataset.copy);
    button.classList.add("is-done");
    setTimeout(() => button.classList.remove("is-done"), 1500);
    say(word("copied"), "ok");
  });

  async function writeClipboard(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const area = document.createElement("textarea"); // over plain http there is no clipboard API
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }

  on("click", "[data-print]", () => window.print());

  on("click", "[data-reveal]", (button) => {
    const input = document.getElementById(button.dataset.reveal);
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!shown));
  });

  // ---- Files dropped -----------------------------------------------------------------------------
  const size = (bytes) => bytes < 1024 ? `${bytes} B`
    : bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1048576).toFixed(1)} MB`;

  function showFiles(input) {
    const text = find("[data-drop-text]", input.closest("[data-drop]"));
    text.dataset.before ??= text.textContent;
    const files = [...input.files].map((file) => `${file.name} · ${size(file.size)}`);
    text.textContent = files.join(", ") || text.dataset.before;
    input.closest("[data-drop]").classList.toggle("has-file", files.length > 0);
  }

  on("change", "[data-drop] input[type=file]", showFiles);
  for (const event of ["dragenter", "dragover"]) {
    on(event, "[data-drop]", (zone, e) => { e.preventDefault(); zone.classList.add("is-over"); });
  }
  on("dragleave", "[data-drop]", (zone, e) => {
    if (!zone.contains(e.relatedTarget)) zone.classList.remove("is-over");
  });
  on("drop", "[data-drop]", (zone, e) => {
    e.preventDefault();
    zone.classList.remove("is-over");
    const input = find("input[type=file]", zone);
    if (!e.dataTransfer.files.length) return;
    input.files = e.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });

  // ---- Rows chosen --------------------------------------------------------------------------------
  function count() {
    const items = all("[data-bulk-item]");
    const chosen = items.filter((item) => item.checked).length;
    all("[data-bulk]").forEach((bar) => {
      bar.classList.toggle("is-on", chosen > 0);
      find("[data-bulk-count]", bar).textContent = chosen;
    });
    all("[data-bulk-all]").forEach((box) => {
      box.checked = chosen > 0 && chosen === items.length;
      box.indeterminate = chosen > 0 && chosen < items.length;
    });
    items.forEach((item) => item.closest("tr")?.classList.toggle("is-chosen", item.checked));
  }

  const choose = (checked) => { all("[data-bulk-item]").forEach((item) => { item.checked = checked; }); count(); };
  let last = null;
  on("change", "[data-bulk-all]", (box) => choose(box.checked));
  on("change", "[data-bulk-item]", count);
  on("click", "[data-bulk-clear]", () => choose(false));
  on("click", "[data-bulk-item]", (item, event) => {
    const items = all("[data-bulk-item]");
    if (event.shiftKey && last?.isConnected) {
      const [from, to] = [items.indexOf(last), items.indexOf(item)].sort((a, b) => a - b);
      items.slice(from, to + 1).forEach((between) => { between.checked = item.checked; });
    }
    last = item;
    count();
  });

  // ---- On -------------------------------------------------------------------------------------------
  document.body.addEventListener("htmx:afterSettle", () => { tell(); count(); });
  all("#toasts [data-toast]").forEach(retire);
  markTheme();
  count();
  tell();
  setInterval(tell, 20000);
  tick();
})();
