"use strict";
// Filter and sort. The page's address holds what is chosen, so that it can be kept, sent and gone back to:
// #q=TEXT&state=due,failed&firewall=NAME&sort=expires&dir=desc
(() => {
  const table = document.getElementById("certificates");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const search = document.getElementById("search");
  const firewall = document.getElementById("firewall");
  const tiles = [...document.querySelectorAll("button[data-state]")];
  const heads = [...table.querySelectorAll("button[data-sort]")];
  const reset = document.getElementById("reset");
  const shown = document.getElementById("shown");
  const compare = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;

  const chosen = () => new URLSearchParams(location.hash.slice(1));

  const states = (choice) => new Set((choice.get("state") || "").split(",").filter(Boolean));

  function choose(key, value) {
    const choice = chosen();
    if (value) choice.set(key, value);
    else choice.delete(key);
    location.replace("#" + choice);
  }

  function sorted(choice) {
    const key = choice.get("sort");
    if (!heads.some((head) => head.dataset.sort === key)) return rows;
    const sign = choice.get("dir") === "desc" ? -1 : 1;
    // What has no value, such as the expiry of what is missing, comes last in both directions.
    const keyed = rows.map((row) => [row.dataset[key], row]);
    keyed.sort(([a], [b]) => !a - !b || sign * compare(a, b));
    return keyed.map(([, row]) => row);
  }

  function apply() {
    const choice = chosen();
    const words = (choice.get("q") || "").toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = states(choice);
    const place = choice.get("firewall") || "";
    let number = 0;
    for (const row of rows) {
      const fits =
        words.every((word) => texts.get(row).includes(word)) &&
        (wanted.size === 0 || wanted.has(row.dataset.group)) &&
        (!place || row.dataset.firewall === place);
      row.hidden = !fits;
      number += fits;
    }
    const order = sorted(choice);
    if (order.some((row, place) => row !== body.rows[place])) body.append(...order);
    if (search.value !== (choice.get("q") || "")) search.value = choice.get("q") || "";
    firewall.value = place;
    for (const tile of tiles) tile.setAttribute("aria-pressed", String(wanted.has(tile.dataset.state)));
    for (const head of heads) {
      const direction = choice.get("dir") === "desc" ? "descending" : "ascending";
      const cell = head.closest("th");
      if (head.dataset.sort === choice.get("sort")) cell.setAttribute("aria-sort", direction);
      else cell.removeAttribute("aria-sort");
    }
    shown.textContent = number === rows.length ? `All ${number} shown` : `${number} of ${rows.length} shown`;
    reset.hidden = !["q", "state", "firewall", "sort"].some((key) => choice.get(key));
    document.getElementById("none").hidden = number > 0;
  }

  search.addEventListener("input", () => choose("q", search.value.trim() ? search.value : ""));
  firewall.addEventListener("change", () => choose("firewall", firewall.value));
  reset.addEventListener("click", () => {
    location.replace("#");
    search.focus();
  });
  for (const tile of tiles) {
    tile.addEventListener("click", () => {
      const wanted = states(chosen());
      if (!wanted.delete(tile.dataset.state)) wanted.add(tile.dataset.state);
      choose("state", [...wanted].join(","));
    });
  }
  for (const head of heads) {
    head.addEventListener("click", () => {
      const choice = chosen();
      const isAgain = choice.get("sort") === head.dataset.sort;
      // Up, down, and back to the page's own order: the most urgent first.
      if (isAgain && choice.get("dir") === "desc") choice.delete("sort");
      else choice.set("sort", head.dataset.sort);
      if (isAgain && choice.get("dir") !== "desc") choice.set("dir", "desc");
      else choice.delete("dir");
      location.replace("#" + choice);
    });
  }
  for (const link of document.querySelectorAll("a.pick")) {
    link.addEventListener("click", () => document.getElementById("certificates-title").parentElement.scrollIntoView());
  }
  addEventListener("hashchange", apply);
  for (const element of document.querySelectorAll(".scripted")) element.hidden = false;
  apply();
})();
