// Shows at most MOST lines of a log of any length. It follows the end, scrolls in both directions,
// jumps to a line, and searches on the service. Lines are grouped in chunks that are laid out when visible.
const box = document.getElementById("log"), hits = document.getElementById("log-hits");
const CHUNK = 200, MOST = 2000, FULL = 1000, FOLLOW_MS = 2000, NEAR = 400, TRIES = 5;
const tools = document.querySelector("[data-log-tools]");
const find = (name) => tools.querySelector(`[data-log-${name}]`);
const follow = find("follow"), search = find("search"), count = find("count"), end = find("end");
let next = box.dataset.next, prev = box.dataset.prev, atEnd = box.dataset.end === "1";
let busy = false, complete = false, searches = 0, seenTop = 0;

const rows = (inside = box) => inside.getElementsByClassName("line");
const place = (row) => row.id.slice(1);

function element(line) {
  const row = document.createElement("div"), at = `${line.attempt}.${line.seq}`;
  row.className = `line t-${line.logType}`;
  row.id = `L${at}`;
  const link = document.createElement("a");
  link.href = `?at=${at}#L${at}`;
  link.textContent = line.seq;
  const kind = document.createElement("span");
  kind.className = "kind";
  kind.textContent = line.logType.replace("_", " ");
  row.append(link, kind, body(line));
  return row;
}

function body(line) {
  const text = document.createElement("span");
  text.className = "text";
  text.textContent = line.content;
  const folds = line.logType.startsWith("tool_") && (line.content.length > 160 || line.content.includes("\n"));
  if (!folds) return text;
  const fold = document.createElement("details"), head = document.createElement("summary");
  head.textContent = line.content.split("\n")[0].slice(0, 160);
  fold.append(head, text);
  return fold;
}

function chunks(lines) {
  const made = [];
  for (let from = 0; from < lines.length; from += CHUNK) {
    const chunk = document.createElement("div");
    chunk.className = "chunk";
    chunk.append(...lines.slice(from, from + CHUNK).map(element));
    made.push(chunk);
  }
  return made;
}

// Adds lines at one side; a full window drops as many at the other side.
function add(found, side) {
  const fresh = found.filter((line) => !document.getElementById(`L${line.attempt}.${line.seq}`));
  if (!fresh.length) return;
  box.querySelector("[data-log-empty]")?.remove();
  if (side === "end") {
    const last = box.lastElementChild;
    if (last && last.children.length + fresh.length <= CHUNK) last.append(...fresh.map(element));
    else box.append(...chunks(fresh));
  } else box.prepend(...chunks(fresh));
  const whole = rows().length <= MOST;
  while (rows().length > MOST) (side === "end" ? box.firstElementChild : box.lastElementChild).remove();
  if (!whole && side === "end") prev = `-${place(rows()[0])}`;
  if (!whole && side === "start") { next = place(rows()[rows().length - 1]); atEnd = false; }
  say();
}

function say() {
  const all = rows();
  if (!all.length) { count.textContent = ""; return; }
  const [from, to] = [all[0], all[all.length - 1]].map((row) => Number(place(row).split(".")[1]).toLocaleString());
  count.textContent = `lines ${from} to ${to}`;
  end.hidden = atEnd;
}

async function get(cursor, more = {}) {
  const url = new URL(box.dataset.log, location.href);
  const query = { part: "log", many: "1", cursor, ...more };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  for (let left = TRIES; ; left -= 1) {
    const answer = await fetch(url);
    if (answer.ok) return answer.json();
    if (answer.status !== 429 || !left) throw new Error(answer.status); // 429: too many readers ask at once
    const seconds = Number(answer.headers.get("Retry-After")) || 1;
    await new Promise((go) => { setTimeout(go, 1000 * seconds); });
  }
}

// Runs one request at a time: one from scrolling may be dropped, one from a click waits for its turn.
async function alone(act, insists = false) {
  while (busy && insists) await new Promise((go) => { setTimeout(go, 50); });
  if (busy) return;
  busy = true;
  try { await act(); } catch { /* the next poll, scroll or click tries again */ } finally { busy = false; }
}

// Never moves the lines of a reader who does not follow: a full window then loads nothing until it is scrolled.
const forward = () => alone(async () => {
  for (;;) {
    if (!follow.checked && (!atEnd || rows().length >= MOST)) { atEnd = false; say(); return; }
    const page = await get(next), moved = page.nextCursor !== next;
    add(page.logs, "end");
    if (!next) prev = page.prevCursor; // the page itself could not read the log
    next = page.nextCursor;
    complete = page.complete;
    if (follow.checked) box.scrollTop = box.scrollHeight;
    if (!moved || page.logs.length < FULL) { atEnd = page.logs.length < FULL; say(); return; }
  }
});

const down = () => alone(async () => {
  const page = await get(next), moved = page.nextCursor !== next;
  const seen = rows()[rows().length - 1], before = seen?.getBoundingClientRect().top;
  add(page.logs, "end");
  next = page.nextCursor;
  atEnd = !moved;
  if (seen) box.scrollTop += seen.getBoundingClientRect().top - before;
  say();
});

const up = () => alone(async () => {
  if (!prev) return;
  const page = await get(prev), seen = rows()[0], before = seen?.getBoundingClientRect().top;
  add(page.logs, "start");
  prev = page.prevCursor;
  if (seen) box.scrollTop += seen.getBoundingClientRect().top - before;
});

function replace(page, last) {
  box.replaceChildren(...chunks(page.logs));
  next = page.nextCursor;
  prev = page.prevCursor;
  atEnd = last;
  say();
}

function show(at) {
  const row = document.getElementById(`L${at}`);
  for (const other of box.querySelectorAll(".here")) other.classList.remove("here");
  if (!row) return false;
  row.classList.add("here");
  follow.checked = false;
  row.scrollIntoView({ block: "center" });
  return true;
}

const jump = (at) => show(at) || alone(async () => {
  const [attempt, seq] = at.split(".").map(Number);
  replace(await get(`-${attempt}.${seq + FULL / 2}`), false);
  if (show(at)) return;
  replace(await get(`-${attempt}.${seq + 1}`), false); // among long lines a page is short
  show(at);
}, true);

const toEnd = () => alone(async () => {
  replace(await get(""), true);
  follow.checked = true;
  box.scrollTop = box.scrollHeight;
}, true);

async function look() {
  const mine = ++searches, text = search.value.trim();
  box.hidden = text !== "";
  hits.hidden = text === "";
  hits.replaceChildren();
  if (!text) { say(); return; }
  for (let cursor = "1.0", found = 0; ;) {
    count.textContent = `${found.toLocaleString()} found, searching…`;
    const page = await get(cursor, { search: text });
    if (mine !== searches) return;
    for (const line of page.logs) { const row = element(line); row.removeAttribute("id"); hits.append(row); }
    found += page.logs.length;
    if (page.nextCursor === cursor || found >= MOST) {
      count.textContent = `${found.toLocaleString()}${found >= MOST ? " or more" : ""} found`;
      return;
    }
    cursor = page.nextCursor;
  }
}

async function whole() {
  const button = find("save"), found = [];
  button.disabled = true;
  try {
    for (let cursor = "1.0"; ;) {
      const page = await get(cursor);
      for (const line of page.logs) found.push(`${line.timestamp}\t${line.logType}\t${line.content}`);
      if (page.nextCursor === cursor) break;
      cursor = page.nextCursor;
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([found.join("\n")], { type: "text/plain" }));
    link.download = box.dataset.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  } finally { button.disabled = false; }
}

const drawn = [...rows()];
if (drawn.length) {
  const chunk = document.createElement("div");
  chunk.className = "chunk";
  chunk.append(...drawn);
  box.append(chunk);
}
for (const row of drawn.filter((row) => / t-tool_/.test(row.className))) {
  const text = row.querySelector(".text");
  text.replaceWith(body({ logType: "tool_", content: text.textContent }));
}
tools.hidden = false;
say();

let typing;
const lookNow = () => look().catch(() => { count.textContent = "The search failed. Try again."; });
search.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(lookNow, 300); });
find("save").addEventListener("click", whole);
end.addEventListener("click", toEnd);
follow.addEventListener("change", () => { if (follow.checked) atEnd ? box.scrollTop = box.scrollHeight : toEnd(); });
// Only scrolling up stops following: a long line that is laid out late grows below, and is followed.
box.addEventListener("scroll", () => {
  const below = box.scrollHeight - box.scrollTop - box.clientHeight, upward = box.scrollTop < seenTop;
  seenTop = box.scrollTop;
  if (follow.checked && !busy && below > 60) {
    if (upward) follow.checked = false; else box.scrollTop = box.scrollHeight;
  }
  if (box.scrollTop < NEAR) up(); else if (below < NEAR && !atEnd) down();
});
for (const part of [box, hits]) part.addEventListener("click", (event) => {
  const link = event.target.closest("a[href*='#L']");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  if (part === hits) { search.value = ""; look(); }
  jump(link.hash.slice(2));
});
addEventListener("popstate", () => { if (location.hash.startsWith("#L")) jump(location.hash.slice(2)); });

if (location.hash.startsWith("#L")) jump(location.hash.slice(2));
else if (atEnd) box.scrollTop = box.scrollHeight;
else follow.checked = false;
const turn = async () => {
  const over = document.getElementById("live")?.dataset.final === "1";
  if (!document.hidden) await forward();
  // The last lines of a run may be shown late.
  if (!over || document.hidden || (follow.checked && !complete)) setTimeout(turn, FOLLOW_MS);
};
turn();
