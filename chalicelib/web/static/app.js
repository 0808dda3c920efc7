// Shows times in the reader's zone, polls, and adds copy buttons. The pages also work without it.
const POLL_MS = 4000;
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const spans = [[86400, "d", 3600, "h"], [3600, "h", 60, "m"], [60, "m", 1, "s"]];

function told(at, form) {
  const clock = { hour: "2-digit", minute: "2-digit" };
  if (form === "clock") return at.toLocaleTimeString(undefined, { ...clock, second: "2-digit" });
  const seconds = Math.round((at - Date.now()) / 1000);
  const far = Math.abs(seconds) >= 7 * 86400;
  if (far || form === "date") return at.toLocaleString(undefined, { day: "numeric", month: "short", ...clock });
  if (Math.abs(seconds) < 5 || form === "ahead" && seconds < 0) return "now";
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size);
  return relative.format(Math.trunc(seconds / size), unit);
}

function localise(root = document) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    const text = told(at, element.dataset.form);
    if (element.textContent !== text) element.textContent = text;
    element.title = `${at.toLocaleString()} · ${element.dateTime.replace("T", " ").replace("Z", " UTC")}`;
  }
}

// Counts the duration of a run between two polls.
function ticking(root = document) {
  for (const element of root.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, Math.round((Date.now() - new Date(element.dataset.since)) / 1000));
    const [size, unit, lower, name] = spans.find(([size]) => seconds >= size) ?? [1, "s", 1, ""];
    const rest = Math.floor(seconds % size / lower);
    element.textContent = `${Math.floor(seconds / size)}${unit}${rest ? ` ${rest}${name}` : ""}`;
  }
}

function absolutes(root = document) {
  for (const element of root.querySelectorAll("[data-absolute]")) {
    const url = new URL(element.dataset.absolute, location.href).href;
    element.textContent = element.tagName === "PRE" ? element.textContent.replace("POST URL", `POST ${url}`) : url;
    element.removeAttribute("data-absolute");
  }
  for (const button of root.querySelectorAll("[data-copy][hidden]")) button.hidden = !navigator.clipboard;
}

// Removes the notice from the address, so that a reload or a bookmark does not show it again.
const shown = new URL(location.href);
if (shown.searchParams.has("done")) {
  shown.searchParams.delete("done");
  history.replaceState(history.state, "", shown);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText(field ? field.value : button.previousElementSibling.textContent);
  const before = button.innerHTML;
  button.textContent = "Copied";
  setTimeout(() => { button.innerHTML = before; }, 1500);
});

// Sends a form once: a second click before the response is ignored.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "1";
  setTimeout(() => { delete form.dataset.sent; }, 5000);
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// Keeps one confirmation open at a time; Escape and a click elsewhere close it.
document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.sure[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const open of document.querySelectorAll("details.sure[open]")) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});

function busy() {
  const live = document.querySelector("[data-live]");
  const active = document.activeElement;
  return !live || live.querySelector("input:checked, details[open]")
    || live.contains(active) && active.matches("button, input, summary");
}
setInterval(ticking, 1000);
function poll() {
  if (!document.hidden && !busy()) document.body.dispatchEvent(new Event("poll"));
}
setInterval(() => { localise(); poll(); }, POLL_MS);
document.addEventListener("visibilitychange", poll);
document.addEventListener("htmx:afterSwap", () => { localise(); absolutes(); ticking(); });
document.querySelector(".bar nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
document.querySelector("[aria-invalid]")?.focus();
localise();
absolutes();
ticking();
