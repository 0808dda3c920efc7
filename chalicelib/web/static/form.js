// Shows dependent fields, describes the cron expression, and previews the prompt.
function later(act, wait = 250) {
  let timer;
  return (...given) => { clearTimeout(timer); timer = setTimeout(() => act(...given), wait); };
}

for (const form of document.querySelectorAll("form")) {
  const parts = form.querySelectorAll("[data-when]");
  const value = (name) => { const field = form.elements[name]; return field ? field.value : ""; };
  const show = () => {
    for (const part of parts) {
      const [name, wanted] = part.dataset.when.split("=");
      part.hidden = value(name) !== wanted;
    }
    const save = form.querySelector("[data-save]");
    const unscheduled = value("mode") === "run" ? "Run now" : "Save";
    const scheduled = value("mode") !== "run" && value("trigger") === "schedule";
    if (save) save.textContent = scheduled ? "Create Schedule" : unscheduled;
  };
  form.addEventListener("change", show);
  // An edit removes the error of a field; the service validates the new value on submit.
  form.addEventListener("input", (event) => {
    const field = event.target.closest(".field.wrong");
    if (!field) return;
    field.classList.remove("wrong");
    field.querySelector(".hint.bad")?.remove();
    event.target.removeAttribute("aria-invalid");
  });
  show();
}

for (const field of document.querySelectorAll("[data-cron-field]")) {
  const form = field.form, zone = form.querySelector("[data-zone]"), said = form.querySelector("[data-cron-said]");
  let asked = 0;
  const ask = async () => {
    if (!field.offsetParent || field.closest(".wrong") || zone.closest(".wrong")) return;
    if (!field.value.trim()) { said.replaceChildren(); return; }
    const mine = ++asked, url = new URL(field.dataset.cronField, location.href);
    url.searchParams.set("part", "cron");
    url.searchParams.set("cronExpression", field.value);
    url.searchParams.set("timezone", zone.value);
    const answer = await fetch(url, { headers: { "HX-Request": "true" } });
    if (mine === asked && answer.ok) said.innerHTML = await answer.text();
  };
  const soon = later(ask);
  field.addEventListener("input", soon);
  zone.addEventListener("input", soon);
  const presets = form.querySelector("[data-presets]");
  if (presets) {
    presets.hidden = false;
    presets.addEventListener("click", (event) => {
      const chosen = event.target.closest("[data-cron]");
      if (chosen) { field.value = chosen.dataset.cron; ask(); }
    });
  }
  field.closest("details")?.addEventListener("toggle", ask);
  const take = form.querySelector("[data-zone-mine]"), yours = Intl.DateTimeFormat().resolvedOptions().timeZone;
  zone.list.replaceChildren(...(Intl.supportedValuesOf?.("timeZone") ?? []).map((name) => new Option(name, name)));
  take.textContent = `Use mine: ${yours}`;
  const offer = () => { take.hidden = (zone.value || "UTC") === yours; };
  zone.addEventListener("input", offer);
  offer();
  take.addEventListener("click", () => {
    zone.value = yours;
    zone.dispatchEvent(new Event("input", { bubbles: true }));
  });
  ask();
}

for (const prompt of document.querySelectorAll("[data-prompt]")) {
  const form = prompt.form, shown = form.querySelector("[data-preview]");
  let asked = 0;
  const ask = later(async () => {
    const mine = ++asked, body = new URLSearchParams();
    for (const name of ["csrf", "prompt", "paramMapping", "promptTemplateId"]) {
      if (form.elements[name]) body.set(name, form.elements[name].value);
    }
    const answer = await fetch(new URL(prompt.dataset.prompt, location.href), { method: "POST", body });
    if (mine === asked && answer.ok) shown.innerHTML = await answer.text();
  });
  for (const name of ["prompt", "paramMapping", "promptTemplateId"]) {
    if (form.elements[name]) form.elements[name].addEventListener("input", ask);
  }
  if (prompt.value || form.elements.promptTemplateId?.value) ask();
}
