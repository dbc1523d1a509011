// Filters by verdict, target and text; links open what they lead to.
(() => {
  "use strict";
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const form = document.getElementById("filters");
  const target = document.getElementById("target");
  const text = document.getElementById("text");
  const button = document.getElementById("all");
  const count = document.getElementById("count");
  const boxes = all("input[name=verdict]", form);
  const threats = all(".threat");
  const rows = all(".row");
  const first = new Map(threats.map((threat) => [threat, threat.open]));

  // The check of several threats stands in a row of each, and counts once.
  const keyOf = (row) => row.dataset.check ?? row;
  const keys = new Set(rows.map(keyOf)).size;

  // A row is found by its own words and by those of its threat.
  const words = new Map();
  const wordsOf = (row) => {
    if (!words.has(row)) {
      const head = row.closest(".threat").querySelector("summary").textContent;
      words.set(row, (head + "\n" + row.textContent).toLowerCase());
    }
    return words.get(row);
  };

  function apply() {
    const verdicts = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const wanted = text.value.trim().toLowerCase();
    const filtered = verdicts.size > 0 || target.value !== "" || wanted !== "";
    const shown = new Set();
    for (const row of rows) {
      const fits =
        (verdicts.size === 0 || verdicts.has(row.dataset.verdict)) &&
        (target.value === "" || row.dataset.target === target.value) &&
        (wanted === "" || wordsOf(row).includes(wanted));
      row.hidden = !fits;
      if (fits) shown.add(keyOf(row));
    }
    for (const threat of threats) {
      const some = all(".row", threat).some((row) => !row.hidden);
      threat.hidden = !some;
      threat.open = filtered ? some : first.get(threat);
    }
    count.textContent = filtered ? `${shown.size} of ${keys}` : `${keys} in all`;
  }

  function follow() {
    const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!place) return;
    for (let part = place; part; part = part.parentElement) {
      if (part.tagName === "DETAILS") part.open = true;
      part.hidden = false;
    }
    place.scrollIntoView();
  }

  button.addEventListener("click", () => {
    const open = button.textContent === "open all";
    for (const part of all(".threat, .row")) if (part.open !== undefined) part.open = open;
    button.textContent = open ? "close all" : "open all";
  });
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", follow);
  form.hidden = false;
  form.reset();
  apply();
  follow();
})();
