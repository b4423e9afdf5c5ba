// The only script of the console. Every page works without it.
//
// It refreshes the parts of a page that say so, from the page's own address, while the page is
// visible and nobody works with it. It shows the values of a chart under the pointer and for the
// arrow keys. It tells the server the reader's time zone, once.
"use strict";

(() => {
  const EVERY = 10000;
  const AT_MOST = 120000;
  const REST = 15000;

  let wait = EVERY;
  let touched = -REST;
  let asking = null;

  // Where a person is at work: a form that was changed, a text that is selected, a part that was
  // opened. A refresh would take it away.
  const isBusy = () => {
    const active = document.activeElement;
    const types = active && active.closest("input:not([type=checkbox]), select, textarea");
    const selected = String(document.getSelection() || "") !== "";
    return Boolean(types) || selected || performance.now() - touched < REST;
  };

  const touch = () => {
    touched = performance.now();
  };

  const parts = (root) => new Map(
    [...root.querySelectorAll("[data-refresh]")].map((part) => [part.dataset.refresh, part]));

  // What was opened, folded or marked stays so.
  const keep = (before, after) => {
    const olds = before.querySelectorAll("details");
    const news = after.querySelectorAll("details");
    if (olds.length === news.length) {
      news.forEach((one, at) => { one.open = olds[at].open; });
    }
    for (const box of before.querySelectorAll("input[type=checkbox]:checked")) {
      const same = after.querySelector(`input[type=checkbox][value="${CSS.escape(box.value)}"]`);
      if (same) same.checked = true;
    }
    const scrolled = before.querySelectorAll(".wide");
    return () => after.querySelectorAll(".wide").forEach((one, at) => {
      if (scrolled[at]) one.scrollLeft = scrolled[at].scrollLeft;
    });
  };

  const replace = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const news = parts(fresh);
    for (const [name, part] of parts(document)) {
      const other = news.get(name);
      if (!other || other.outerHTML === part.outerHTML) continue;
      const active = document.activeElement;
      const within = part.contains(active) && active.getAttribute("href");
      const copy = document.importNode(other, true);
      const scroll = keep(part, copy);
      part.replaceWith(copy);
      scroll();
      if (within) {
        const link = copy.querySelector(`a[href="${CSS.escape(within)}"]`);
        if (link) link.focus({ preventScroll: true });
      }
    }
    charts(document);
  };

  const refresh = async () => {
    if (document.visibilityState !== "visible" || isBusy() || asking) return;
    asking = new AbortController();
    const limit = setTimeout(() => asking && asking.abort(), 15000);
    try {
      const reply = await fetch(location.href, {
        credentials: "same-origin",
        headers: { accept: "text/html" },
        redirect: "manual",
        signal: asking.signal,
      });
      // Signed out meanwhile: the page to sign in leads back here.
      if (reply.type === "opaqueredirect") {
        location.reload();
        return;
      }
      if (!reply.ok) throw new Error(String(reply.status));
      const text = await reply.text();
      if (!isBusy()) replace(text);
      wait = EVERY;
    } catch {
      // Ever more seldom: a server that is busy is not asked more.
      wait = Math.min(wait * 2, AT_MOST);
    } finally {
      clearTimeout(limit);
      asking = null;
    }
  };

  const turn = () => {
    setTimeout(async () => {
      await refresh();
      turn();
    }, wait);
  };

  // The values of one group of bars, as the table below has them.
  const show = (svg, place) => {
    const name = svg.dataset.chart;
    const table = document.querySelector(`[data-rows="${CSS.escape(name)}"]`);
    const line = document.querySelector(`[data-values="${CSS.escape(name)}"]`);
    if (!table || !line) return;
    for (const one of svg.querySelectorAll(".field")) {
      one.classList.toggle("here", Number(one.dataset.row) === place);
    }
    let text = "";
    for (const row of table.querySelectorAll("tr[data-row]")) {
      const here = Number(row.dataset.row) === place;
      row.classList.toggle("here", here);
      if (!here) continue;
      const heads = [...table.querySelectorAll("thead th")].map((head) => head.textContent);
      text = [...row.children]
        .map((cell, at) => (at === 0 ? cell.textContent : `${heads[at]} ${cell.textContent}`))
        .join(" \u00b7 ");
    }
    line.textContent = text;
  };

  const charts = (root) => {
    for (const svg of root.querySelectorAll("svg[data-chart]")) {
      if (svg.dataset.ready) continue;
      svg.dataset.ready = "1";
      const fields = svg.querySelectorAll(".field").length;
      let place = -1;
      const go = (to) => {
        place = Math.max(0, Math.min(fields - 1, to));
        show(svg, place);
        touch();
      };
      svg.setAttribute("tabindex", "0");
      svg.addEventListener("pointermove", (event) => {
        const field = event.target.closest(".field");
        if (field) go(Number(field.dataset.row));
      });
      svg.addEventListener("focus", () => go(place < 0 ? fields - 1 : place));
      svg.addEventListener("keydown", (event) => {
        const steps = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: fields - 1 };
        if (!(event.key in steps)) return;
        event.preventDefault();
        go(steps[event.key]);
      });
    }
  };

  // Times are in the zone of the deployment until the reader's own is known.
  const tellZone = () => {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (!zone || !("askZone" in document.body.dataset)) return false;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    const value = encodeURIComponent(zone);
    document.cookie = `penstock-zone=${value}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    delete document.body.dataset.askZone;
    return document.cookie.includes("penstock-zone=");
  };

  for (const kind of ["pointerdown", "keydown", "input", "wheel"]) {
    document.addEventListener(kind, touch, { passive: true });
  }
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") refresh();
  });
  // The back button shows nothing that a browser kept: the page is asked for again.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });

  charts(document);
  if (tellZone() && document.querySelector("time")) {
    location.replace(location.href);
  } else if (document.querySelector("[data-refresh]")) {
    turn();
  }
})();
