// The log: follows, goes back, searches, folds. Lines stand in chunks that the browser lays out only when they are seen.
const box = document.getElementById("log");
const CHUNK = 200, MOST = 50000, FOLLOW_MS = 2000;
const tools = document.querySelector("[data-log-tools]");
const find = (name) => tools.querySelector(`[data-log-${name}]`);
const follow = find("follow"), search = find("search"), count = find("count");
let next = box.dataset.next, prev = box.dataset.prev, busy = false, lines = 0;

function element(line) {
  const row = document.createElement("div");
  row.className = `line t-${line.logType}`;
  row.id = `L${line.attempt}.${line.seq}`;
  const link = document.createElement("a");
  link.href = `#${row.id}`;
  link.textContent = line.seq;
  const kind = document.createElement("span");
  kind.className = "kind";
  kind.textContent = line.logType.replace("_", " ");
  row.append(link, kind, body(line));
  mark(row);
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

function mark(row) {
  const wanted = search.value.trim().toLowerCase();
  row.classList.toggle("hit", wanted !== "" && row.textContent.toLowerCase().includes(wanted));
}

function add(found, atEnd) {
  const fresh = found.filter((line) => !document.getElementById(`L${line.attempt}.${line.seq}`));
  if (!fresh.length) return;
  document.querySelector("[data-log-empty]")?.remove();
  for (let from = 0; from < fresh.length; from += CHUNK) {
    const part = fresh.slice(from, from + CHUNK).map(element);
    const last = atEnd ? box.lastElementChild : null;
    if (last?.classList.contains("chunk") && last.children.length + part.length <= CHUNK) { last.append(...part); continue; }
    const chunk = document.createElement("div");
    chunk.className = "chunk";
    chunk.append(...part);
    if (atEnd) box.append(chunk); else box.insertBefore(chunk, box.children[from / CHUNK]);
  }
  lines += fresh.length;
  say();
}

function say() {
  const hits = search.value.trim() ? box.querySelectorAll(".line.hit").length : null;
  count.textContent = hits === null ? `${lines.toLocaleString()} lines` : `${hits.toLocaleString()} of ${lines.toLocaleString()}`;
}

async function get(cursor, many = true) {
  const url = new URL(box.dataset.log, location.href);
  url.searchParams.set("part", "log");
  url.searchParams.set("cursor", cursor);
  if (many) url.searchParams.set("many", "1");
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
}

async function forward() {
  if (busy || document.hidden) return;
  busy = true;
  try {
    for (;;) {
      const page = await get(next), moved = page.nextCursor !== next;
      add(page.logs, true);
      next = page.nextCursor;
      if (follow.checked) box.scrollTop = box.scrollHeight;
      if (!moved || page.logs.length < 1000) break;
    }
  } catch { /* the next turn asks again */ } finally { busy = false; }
}

async function back() {
  if (busy || !prev || lines >= MOST) return;
  busy = true;
  try {
    const page = await get(prev), height = box.scrollHeight, top = box.scrollTop;
    add(page.logs, false);
    box.scrollTop = top + box.scrollHeight - height;
    prev = page.prevCursor;
  } catch { /* scrolling up asks again */ } finally { busy = false; }
}

async function whole() {
  const button = find("save");
  button.disabled = true;
  try {
    const found = [];
    for (let cursor = "1.0"; ;) {
      const page = await get(cursor);
      found.push(...page.logs);
      if (!page.logs.length && page.nextCursor === cursor) break;
      cursor = page.nextCursor;
    }
    const text = found.map((line) => `${line.timestamp}\t${line.logType}\t${line.content}`).join("\n");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = box.dataset.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  } finally { button.disabled = false; }
}

const rows = [...box.querySelectorAll(".line")];
lines = rows.length;
if (rows.length) { const chunk = document.createElement("div"); chunk.className = "chunk"; chunk.append(...rows); box.append(chunk); }
for (const row of rows) if (/ t-tool_/.test(row.className)) row.querySelector(".text").replaceWith(body({ logType: "tool_", content: row.querySelector(".text").textContent }));
tools.hidden = false;
say();
search.addEventListener("input", () => {
  box.classList.toggle("filtering", search.value.trim() !== "");
  for (const row of box.querySelectorAll(".line")) mark(row);
  say();
});
find("save").addEventListener("click", whole);
follow.addEventListener("change", () => { if (follow.checked) box.scrollTop = box.scrollHeight; });
box.addEventListener("scroll", () => {
  if (box.scrollTop < 400) back();
  if (box.scrollHeight - box.scrollTop - box.clientHeight > 60 && follow.checked && !busy) follow.checked = false;
});
const target = location.hash && document.getElementById(location.hash.slice(1));
if (target) { follow.checked = false; target.scrollIntoView({ block: "center" }); } else box.scrollTop = box.scrollHeight;
const turn = async () => {
  const over = document.getElementById("live")?.dataset.final === "1";
  await forward();
  if (!over) setTimeout(turn, FOLLOW_MS);
};
turn();
