// The operators' page: asks this server once a second while the page is visible. It builds
// elements, and never writes HTML from texts.
"use strict";

const byID = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

/** A text without characters that control a terminal or turn the order of the text around them. */
const plain = (text) =>
  String(text).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");

/** Makes an element: `attributes` by name, `on…` as listeners, then children and texts. */
function make(name, attributes, ...children) {
  const svg = ["svg", "path", "line"].includes(name);
  const element = svg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : plain(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined)
    .map((child) => (child instanceof Node ? child : plain(child))));
  return element;
}

/** Changes a text only if it differs: a screen reader tells each change of a live region. */
function setText(element, text) {
  const shown = plain(text);
  if (element.textContent !== shown) element.textContent = shown;
}

// --- Texts

const wholes = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const hundredths = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });
const dayTimes = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clockTimes = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const exactTimes = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

function number(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 100 || Number.isInteger(value)) return wholes.format(value);
  return (value >= 10 ? tenths : hundredths).format(value);
}

/** A duration in seconds, as `1 h 5 min`. */
function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 120) return `${wholes.format(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A time in the reader's zone. */
function time(text) {
  if (!text) return document.createTextNode("unknown");
  const date = new Date(text);
  // A job's own text: rq does not check it.
  if (Number.isNaN(date.getTime())) return document.createTextNode(plain(text));
  const isToday = date.toDateString() === new Date().toDateString();
  return make("time", { datetime: text, title: text }, (isToday ? exactTimes : dayTimes).format(date));
}

/** An id of 36 characters: a narrow column breaks it behind a hyphen, and copies it whole. */
function ident(text) {
  const parts = (text ?? "").split("-");
  return make("code", { class: "id" }, ...parts.flatMap((part, index) =>
    index < parts.length - 1 ? [`${part}-`, document.createElement("wbr")] : [part]));
}

const plural = (count, word) => `${wholes.format(count)} ${word}${count === 1 ? "" : "s"}`;

/** Amounts are in the currency's minor unit, as the caller has sent them. */
const money = (amount, currency) =>
  amount === null || amount === undefined ? "–" : `${wholes.format(amount)} ${currency ?? ""}`;

// --- Asking

let lostSince = null;
// Without the user and the password that the page's own address may have: fetch() refuses them.
const BASE = location.origin + location.pathname;

class Refused extends Error {}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(new URL(path, BASE), { cache: "no-store", ...options });
  } catch {
    throw new Error("The server does not answer.");
  }
  const found = await answer.json().catch(() => ({}));
  if (answer.ok) return found;
  if (answer.status === 401) throw new Error("The password has changed: reload the page to sign in.");
  const error = new Refused(found.error ?? `The server answers ${answer.status}.`);
  error.status = answer.status;
  error.found = found;
  throw error;
}

const query = (path, parameters) => {
  const given = Object.entries(parameters).filter(([, value]) => value);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
};

function showLost(error) {
  lostSince ??= new Date();
  const box = byID("lost");
  setText(box, `${error.message} No news since ${exactTimes.format(lostSince)}; asking again.`);
  box.hidden = false;
  showState("fail", "No answer");
}

let saidTimer;
function say(text) {
  setText(byID("said"), text);
  clearTimeout(saidTimer);
  saidTimer = setTimeout(() => setText(byID("said"), ""), 6000);
}

// --- Now

const words = { pass: "All well", warn: "Needs attention", fail: "Failing" };

const CARDS = {
  "cards-rates": [
    { key: "accepted", label: "Accepted", unit: "/s" },
    { key: "replayed", label: "Replayed", unit: "/s" },
    { key: "refused", label: "Refused", unit: "/s" },
    { key: "failed", label: "Failed", unit: "/s", alert: true },
  ],
  "cards-times": [
    { key: "p50", label: "Half within (p50)", unit: "ms", idle: "no requests" },
    { key: "p95", label: "95 % within (p95)", unit: "ms", idle: "no requests" },
    { key: "p99", label: "99 % within (p99)", unit: "ms", idle: "no requests" },
    { key: "in_flight", label: "In flight", unit: "" },
  ],
  "cards-queue": [
    { key: "depth", label: "Waiting", unit: "" },
    { key: "age", label: "Oldest waits", unit: "", text: duration, idle: "nothing waited" },
    { key: "workers", label: "Workers alive", unit: "" },
    { key: "redis_ms", label: "Redis answers in", unit: "ms" },
  ],
};
const cards = new Map();
let range = "15m";

function makeCards() {
  for (const [place, list] of Object.entries(CARDS)) {
    for (const card of list) {
      const value = make("span", {}, "–");
      const curve = make("path", { class: "curve" });
      const area = make("path", { class: "area" });
      const plot = make(
        "svg",
        { class: "plot", viewBox: "0 0 180 40", preserveAspectRatio: "none", role: "img" },
        make("line", { class: "base", x1: 0, x2: 180, y1: 40, y2: 40 }), area, curve);
      const from = make("span", {});
      const peak = make("span", {});
      const box = make(
        "div", { class: "card", role: "group", "aria-label": card.label },
        make("div", { class: "label" }, card.label),
        make("div", { class: "value" }, value, make("span", { class: "unit" }, card.unit ? ` ${card.unit}` : "")),
        plot, make("div", { class: "axis" }, from, peak));
      byID(place).append(box);
      cards.set(card.key, { ...card, box, value, curve, area, plot, from, peak, known: [], asked: false });
    }
  }
}

/** The outline of a plot and its ground, with gaps where nothing is known. */
function shapes(values, count, highest) {
  const x = (index) => ((count - values.length + index) * 180) / (count - 1);
  let line = "";
  let area = "";
  let run = [];
  for (let index = 0; index <= values.length; index++) {
    const value = values[index] ?? null;
    if (value !== null) {
      run.push([x(index), 39 - (value / highest) * 36]);
      continue;
    }
    if (!run.length) continue;
    // A lone sample is a short line.
    const ends = run.length > 1 ? run : [[run[0][0] - 1, run[0][1]], [run[0][0] + 1, run[0][1]]];
    const points = ends.map((point) => point.map((part) => part.toFixed(1)).join(" ")).join("L");
    line += `M${points}`;
    area += `M${points}V40H${ends[0][0].toFixed(1)}Z`;
    run = [];
  }
  return { line, area };
}

/** The axis of a plot. The number of now is newer than the samples, and may be above them. */
function showPeak(card) {
  const text = card.text ?? ((value) => `${number(value)}${card.unit ? ` ${card.unit}` : ""}`);
  const { known, asked } = card;
  const highest = Math.max(...known, now[card.key] ?? -Infinity);
  const isKnown = Number.isFinite(highest);
  // Without a figure Redis does not tell it, or there was nothing to measure.
  const idle = card.idle && (card.key !== "age" || cards.get("depth").known.length) ? card.idle : "unknown";
  const none = asked ? idle : "no samples yet";
  setText(card.peak, isKnown ? `max ${text(highest)}` : none);
  const spoken = known.length
    ? `lowest ${text(Math.min(...known))}, highest ${text(highest)}, last ${text(known[known.length - 1])}`
    : none;
  card.plot.setAttribute("aria-label", `${card.label}, last ${range === "6h" ? "6 hours" : "15 minutes"}: ${spoken}`);
}

function drawPlots(plots) {
  // While the server is young the plots begin with its start, and with three minutes at least.
  const count = Math.max(36, Math.min(plots.samples, plots.accepted.length));
  const begin = new Date(new Date(plots.time).getTime() - count * plots.seconds_per_sample * 1000);
  for (const card of cards.values()) {
    const values = plots[card.key] ?? [];
    card.known = values.filter((value) => value !== null);
    card.asked = values.length > 0;
    const highest = Math.max(...card.known, now[card.key] ?? 0);
    const { line, area } = shapes(values, count, highest > 0 ? highest : 1);
    card.curve.setAttribute("d", line);
    card.area.setAttribute("d", area);
    setText(card.from, clockTimes.format(begin));
  }
  for (const card of cards.values()) showPeak(card);
}

function showState(status, word) {
  const state = byID("state");
  state.className = `state ${status}`;
  setText(state.querySelector(".word"), word);
}

/** A text of the server as a sentence. */
const sentence = (text) => text && `${text[0].toUpperCase()}${text.slice(1)}${/[.!?…]$/.test(text) ? "" : "."}`;

const mark = () => make("span", { class: "mark", "aria-hidden": "true" });

let shownWarnings = "";
function showWarnings(list) {
  // The list of dead letters says it itself.
  if (section === "dead") list = list.filter((warning) => warning.check !== "queue:dead");
  const key = JSON.stringify(list);
  if (key === shownWarnings) return;
  shownWarnings = key;
  byID("warnings").replaceChildren(
    ...list.map((warning) =>
      make(
        "div", { class: `warning ${warning.status}` }, mark(),
        make(
          "p", {},
          make("strong", {}, `${warning.status === "fail" ? "Failing" : "Warning"}: ${warning.title}. `),
          sentence(warning.output ?? "")),
        warning.advice ? make("p", {}, make("strong", {}, "What to do: "), warning.advice) : null)));
}

function facts(list, rows) {
  list.replaceChildren(
    ...rows.filter((row) => row[1] !== null && row[1] !== undefined && row[1] !== "")
      .flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

let actions = null;
let deadCount = null;
let now = {};

function showNow(news) {
  now = news;
  lostSince = null;
  byID("lost").hidden = true;
  const isFirst = actions === null;
  actions = news.actions;
  if (isFirst && section === "dead") loadDead();
  byID("read-only").hidden = actions;
  setText(byID("queue"), news.queue);
  showState(news.status, words[news.status]);
  document.title = `${news.status === "pass" ? "" : `${words[news.status]}: `}Core API`;
  showWarnings(news.warnings);
  for (const card of cards.values()) {
    const value = news[card.key];
    setText(card.value, card.text ? card.text(value) : number(value));
    card.box.classList.toggle("alert", Boolean(card.alert && value > 0));
    showPeak(card);
  }
  const dead = byID("dead-count");
  dead.hidden = !news.dead_letters;
  setText(dead, wholes.format(news.dead_letters ?? 0));
  facts(byID("redis"), [
    ["Address", news.redis ?? "none: QUEUE is memory"],
    ["Role", news.redis_role ?? (news.redis ? "unknown" : null)],
    ["Durability", news.durability],
    ["Connections ready", news.redis ? `${news.connections_ready} of ${news.connections}` : null],
    ["Reconnects", number(news.reconnects)],
    ["Failovers and restarts seen", number(news.failovers)],
    ["Confirmed, then lost by Redis", number(news.lost)],
    ["Of these sent again", number(news.sent_again)],
    ["Workers registered", number(news.workers_registered)],
    ["Dead letters", news.dead_letters === null ? "unknown" : number(news.dead_letters)],
  ]);
  showRefusals(news.refusals);
  setText(byID("about"), `Version ${news.version}, up for ${duration((new Date(news.time) - new Date(news.started)) / 1000)}. Rates and times are of the last 5 seconds.`);
  if (deadCount !== news.dead_letters) {
    deadCount = news.dead_letters;
    // A list never changes under the hands of a reader who uses it.
    const isUsed = document.querySelector("dialog[open], #dead :focus");
    if (section === "dead" && !isFirst && !isUsed) loadDead();
  }
}

let shownRefusals = null;
function showRefusals(list) {
  const key = JSON.stringify(list);
  if (key === shownRefusals) return;
  shownRefusals = key;
  table(byID("refusals"), "Refusals by code", "Nothing was refused.", ["Code", "#Since the start", "#A second"],
    list.sort((a, b) => b.total - a.total).map((entry) => [
      make("code", {}, entry.code), wholes.format(entry.total), number(entry.rate)]));
}

/** A table whose columns with `#` are numbers; on a narrow page each row is a block. */
function table(place, caption, empty, columns, rows) {
  if (!rows.length) {
    place.replaceChildren(make("p", { class: "empty" }, empty));
    return;
  }
  const names = columns.map((name) => name.replace("#", ""));
  const cell = (value, index) =>
    index === 0
      ? make("th", { scope: "row", role: "rowheader" }, value)
      : make("td", { role: "cell", class: columns[index].startsWith("#") ? "number" : value.dateTime ? "close" : null, "data-name": names[index] || null }, value);
  place.replaceChildren(make(
    "table", { role: "table" }, make("caption", {}, caption),
    make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...names.map((name, index) =>
      make("th", { scope: "col", role: "columnheader", class: !name || columns[index].startsWith("#") ? "number" : null },
        name || make("span", {}, "Actions"))))),
    make("tbody", { role: "rowgroup" }, ...rows.map((row) => make("tr", { role: "row" }, ...row.map(cell))))));
}

// --- Transactions

const states = { queued: "pass", processing: "pass", processed: "pass", failed: "fail" };

function badge(state) {
  return make("span", { class: `badge ${states[state] ?? "warn"}` }, mark(), state);
}

async function find(id) {
  const place = byID("found");
  if (!id) return;
  try {
    const found = await ask(query("transaction", { id }));
    const list = make("dl", { class: "facts" });
    facts(list, [
      ["Status", badge(found.status)], ["Id", found.id],
      ["Amount, minor unit", money(found.amount, found.currency)], ["User", String(found.user_id)],
      ["Accepted", time(found.created_at)], ["Last change", time(found.updated_at)],
      ["Attempts", String(found.attempts)],
      ["Dead letter", found.letter
        ? make("button", { type: "button", onclick: () => showLetter(found.letter) }, "Look at it")
        : null],
    ]);
    place.replaceChildren(list);
  } catch (error) {
    place.replaceChildren(make("p", { class: "empty" }, error.message));
  }
}

let shownRecent = "";
function showRecent(recent) {
  const key = JSON.stringify(recent);
  if (key === shownRecent || byID("transactions").contains(document.activeElement?.closest("table"))) return;
  shownRecent = key;
  table(byID("accepted"), "The last accepted transactions, newest first",
    "No transaction was accepted since the start.",
    ["Transaction", "Time", "#Amount, minor unit", "User", "Request id"],
    recent.accepted.map((entry) => [
      make("button", { type: "button", class: "link", onclick: () => {
        byID("find-id").value = entry.id;
        find(entry.id).then(() => byID("find-id").focus());
      } }, ident(entry.id)),
      time(entry.time), money(entry.amount, entry.currency) + (entry.replayed ? " (replayed)" : ""),
      String(entry.user_id), ident(entry.request_id)]));
  table(byID("refused"), "The last refused requests, newest first", "Nothing was refused since the start.",
    ["Code", "Time", "Detail", "Request id"],
    recent.refused.map((entry) => [
      make("span", {}, make("code", {}, entry.code), ` ${entry.status}`),
      time(entry.time), entry.problem?.detail ?? "", ident(entry.request_id)]));
}

// --- Dead letters

let reason = null;
let nextPage = null;
let letters = [];
let examined = 0;
/** The partitions whose letters the lists lack. */
let unreached = new Set();

function noteUnreached(partitions) {
  for (const partition of partitions ?? []) unreached.add(partition);
  const box = byID("dead-unreached");
  box.hidden = unreached.size === 0;
  setText(box, unreached.size ? `${unreachedText(unreached)} Their letters are missing here.` : "");
}

const unreachedText = (partitions) =>
  `Partitions that were not reached: ${[...partitions].sort((a, b) => a - b).join(", ")}.`;

async function loadDead() {
  if (actions === null) return;
  try {
    const [found, page] = await Promise.all([ask("reasons"), ask(query("dead", { reason }))]);
    showReasons(found);
    unreached = new Set();
    noteUnreached(found.unreached);
    deadCount = found.count;
    letters = [];
    examined = 0;
    addPage(page);
    await fillPage();
  } catch (error) {
    if (error instanceof Refused) say(error.message); else showLost(error);
  }
}

function addPage(page) {
  letters = letters.concat(page.letters);
  examined += page.examined;
  nextPage = page.next;
  noteUnreached(page.unreached);
  showLetters();
}

/** Goes on where no letter has the reason: each answer examines a bounded number of letters. */
async function fillPage() {
  const [chosen, end] = [reason, letters.length];
  for (let pages = 0; letters.length === end && nextPage && reason === chosen && pages < 20; pages++) {
    // Pauses, so that a search leaves Redis to others most of the time.
    if (pages > 0) await new Promise((resolve) => setTimeout(resolve, 100));
    await loadMore();
  }
}

async function loadMore() {
  const [chosen, after] = [reason, nextPage];
  const page = await ask(query("dead", { reason, after }));
  // Another list may be asked for meanwhile.
  if (reason === chosen && nextPage === after) addPage(page);
}

function showReasons(found) {
  const sample = found.examined < found.count ? ` The reasons are of the newest ${wholes.format(found.examined)}.` : "";
  setText(byID("dead-summary"), found.count ? `${plural(found.count, "dead letter")}.${sample}` : "There are no dead letters.");
  table(byID("reasons"), "The reasons of dead letters, the commonest first", "Nothing has failed.",
    ["Reason", "#Letters", "Oldest", "Newest", ""],
    found.reasons.map((entry) => [
      make("button", { type: "button", class: "link", onclick: () => choose(entry.reason) }, entry.reason),
      wholes.format(entry.count), time(entry.oldest), time(entry.newest),
      buttons({ reason: entry.reason }, `all with the reason “${entry.reason}”`, " all")]));
}

function choose(chosen) {
  reason = chosen;
  byID("any-reason").hidden = !reason;
  setText(byID("letters-title"), reason ? `Letters: ${reason}` : "Letters");
  loadDead().then(() => byID("letters-title").scrollIntoView({ block: "nearest" }));
}

function showLetters() {
  byID("more").hidden = !nextPage;
  setText(byID("more"), reason ? "Search older letters" : "Show older letters");
  setText(byID("examined"), reason
    ? `${wholes.format(letters.length)} of the ${nextPage ? "newest " : ""}${plural(examined, "letter")} ${letters.length === 1 ? "has" : "have"} this reason.`
    : "");
  table(byID("letters"), "Dead letters, newest first", nextPage ? "None so far." : "There are none.",
    ["Transaction", "Failed", "#Amount, minor unit", "User", "Reason", ""],
    letters.map((letter) => [
      make("button", { type: "button", class: "link", onclick: () => showLetter(letter.id) },
        ident(letter.transaction || letter.id)),
      time(letter.died_at), money(letter.amount, letter.currency), letter.user_id ?? "–",
      letter.reason, buttons({ id: letter.id }, `the transaction ${letter.transaction || letter.id}`, "")]));
}

function buttons(target, name, suffix) {
  if (!actions) return make("span", { class: "quiet" }, "read-only");
  const button = (action, label, style) => make("button", {
    type: "button", class: style, "aria-label": `${label} ${name}`,
    onclick: () => change(action, target, name),
  }, label + suffix);
  return make("div", { class: "actions" }, button("requeue", "Requeue", null), button("remove", "Remove", "soft"));
}

async function showLetter(id) {
  let letter;
  try {
    letter = await ask(query("letter", { id }));
  } catch (error) {
    say(error.message);
    return;
  }
  const known = ["amount", "currency", "user_id", "created_at", "id"];
  facts(byID("letter-facts"), [
    ["Transaction", letter.transaction], ["Reason", letter.reason], ["Failed", time(letter.died_at)],
    ["Attempts", letter.attempts === null ? null : String(letter.attempts)],
    ["Amount, minor unit", money(letter.amount, letter.currency)], ["User", letter.user_id],
    ["Accepted", letter.created_at ? time(letter.created_at) : null], ["Letter", letter.id],
    ...letter.fields.filter((field) => !known.includes(field.name)).map((field) => [
      field.name.replaceAll("_", " "),
      field.name.endsWith("_at") ? time(field.value) : field.value]),
  ]);
  byID("letter-trace").hidden = !letter.traceback;
  setText(byID("letter-trace"), letter.traceback);
  const dialog = byID("letter");
  byID("letter-actions").replaceChildren(
    buttons({ id: letter.id }, `the transaction ${letter.transaction || letter.id}`, ""),
    make("button", { type: "button", onclick: () => dialog.close() }, "Close"));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  byID("letter-title").focus();
}

/** Asks, in a dialog; true for yes. */
function confirmed(title, text, label, isDangerous) {
  const dialog = byID("ask");
  setText(byID("ask-title"), title);
  setText(byID("ask-text"), text);
  const yes = byID("ask-yes");
  setText(yes, label);
  yes.className = isDangerous ? "danger" : "main";
  return new Promise((resolve) => {
    const close = (answer) => {
      dialog.onclose = null;
      dialog.close();
      resolve(answer);
    };
    yes.onclick = () => close(true);
    byID("ask-no").onclick = () => close(false);
    dialog.onclose = () => resolve(false);
    dialog.showModal();
    byID("ask-no").focus();
  });
}

async function change(action, target, name) {
  const isRemoval = action === "remove";
  const yes = await confirmed(
    isRemoval ? "Remove for good?" : "Put back on the queue?",
    isRemoval
      ? `Removes ${name}. It is not processed, and cannot be brought back.`
      : `Puts ${name} back on the queue, with the same transaction id. A connector processes it again.`,
    isRemoval ? "Remove" : "Requeue", isRemoval);
  if (!yes) return;
  let count = 0;
  const missed = new Set();
  const done = () => `${isRemoval ? "Removed" : "Requeued"}: ${plural(count, "dead letter")}.`;
  try {
    let after = null;
    do {
      const body = new URLSearchParams({ ...target, ...(after ? { after } : {}) });
      const step = await ask(action, { method: "POST", body });
      count += step.count;
      after = step.next;
      for (const partition of step.unreached) missed.add(partition);
      if (after) say(`${isRemoval ? "Removed" : "Requeued"} ${wholes.format(count)} so far…`);
    } while (after);
    const text = count ? done() : "Nothing changed: the letter is gone already, or cannot be put back.";
    say(missed.size ? `${done()} ${unreachedText(missed)}` : text);
  } catch (error) {
    count += error.found?.count ?? 0;
    say(count ? `${done()} Then it failed: ${error.message}` : error.message);
  }
  if (byID("letter").open) byID("letter").close();
  if (section === "dead") {
    await loadDead();
    byID("main").focus();
  } else if (byID("find-id").value) find(byID("find-id").value.trim());
}

// --- Sections, and the clock

let section = "now";
let ticks = 0;
let isAsking = false;

function showSection(byReader) {
  const wanted = location.hash.slice(1);
  section = ["now", "transactions", "dead"].includes(wanted) ? wanted : "now";
  for (const link of document.querySelectorAll("nav a")) {
    const target = link.hash.slice(1);
    byID(target).hidden = target !== section;
    if (target === section) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (byReader) {
    window.scrollTo(0, 0);
    byID("main").focus({ preventScroll: true });
  }
  ticks = 0;
  if (section === "dead") loadDead();
  tick();
}

async function tick() {
  if (document.hidden || isAsking) return;
  isAsking = true;
  try {
    const asked = [ask("now")];
    if (section === "now" && ticks % 5 === 0) asked.push(ask(`plots?range=${range}`));
    if (section === "transactions" && ticks % 2 === 0) asked.push(ask("recent"));
    ticks += 1;
    const [news, more] = await Promise.all(asked);
    showNow(news);
    if (more?.samples) drawPlots(more);
    else if (more?.accepted) showRecent(more);
  } catch (error) {
    showLost(error);
    ticks = 0;
  } finally {
    isAsking = false;
  }
}

makeCards();
for (const button of document.querySelectorAll("[data-range]")) {
  button.addEventListener("click", () => {
    range = button.dataset.range;
    for (const other of document.querySelectorAll("[data-range]")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    ticks = 0;
    tick();
  });
}
byID("find").addEventListener("submit", (event) => {
  event.preventDefault();
  find(byID("find-id").value.trim());
});
byID("dead-again").addEventListener("click", loadDead);
byID("any-reason").addEventListener("click", () => choose(null));
byID("more").addEventListener("click", () => fillPage().catch((error) => say(error.message)));
window.addEventListener("hashchange", () => showSection(true));
document.addEventListener("visibilitychange", tick);
setInterval(tick, 1000);
showSection(false);
